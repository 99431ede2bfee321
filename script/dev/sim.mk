# Builds the simulator below build/sim: build/sim/fast/sim optimised,
# build/sim/safe/sim with sanitizers; for sim.sh.  KIND says which.

KIND ?= fast
BUILD := build/sim/$(KIND)

CC := gcc
ifeq ($(KIND),safe)
OPTIMISE := -O1 -fno-omit-frame-pointer -fsanitize=address,undefined \
	-fno-sanitize-recover=all
else
OPTIMISE := -O2
endif
CFLAGS := -std=gnu99 -g $(OPTIMISE) -Isrc -Wall -Wextra \
	-Wdeclaration-after-statement $(if $(filter-out 0,$(WERROR)),-Werror)

SOURCES := $(wildcard src/raft/*.c src/wire/*.c src/raft/test/sim/*.c)
OBJS := $(patsubst src/%.c,$(BUILD)/%.o,$(sort $(SOURCES)))

$(BUILD)/sim: $(OBJS)
	$(CC) $(CFLAGS) -o $@ $^

$(BUILD)/%.o: src/%.c $(wildcard src/raft/*.h src/wire/*.h src/raft/test/sim/*.h)
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) -c -o $@ $<
