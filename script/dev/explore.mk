# explore.mk: builds the explorer of the core.  Called by explore.sh.
#
#	SOURCE		tree that has raft/ and raft/test/explore/: src, or a copy of it
#				in which a bug was planted
#	BUILD		where the products go
#	SANITIZE	flags for the compiler, or nothing

SOURCE := src
BUILD := build/explore/plain
SANITIZE :=

CC := gcc
CFLAGS := -std=gnu99 -g -O2 $(SANITIZE) -I$(SOURCE) \
	-Wall -Wextra -Wdeclaration-after-statement -Wno-override-init \
	$(if $(filter-out 0,$(WERROR)),-Werror)

SOURCES := $(sort $(wildcard $(SOURCE)/raft/*.c $(SOURCE)/raft/test/explore/*.c))
OBJS := $(SOURCES:$(SOURCE)/%.c=$(BUILD)/%.o)

$(BUILD)/explore: $(OBJS)
	$(CC) $(CFLAGS) -o $@ $^

$(BUILD)/%.o: $(SOURCE)/%.c $(wildcard $(SOURCE)/raft/*.h $(SOURCE)/raft/test/explore/*.h)
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) -c -o $@ $<
