# Builds the unit tests in C below build/core, with sanitizers; for
# check_core.sh.
#
#	src/raft/test/test_*.c	link with the core
#	src/raft/test/scenarios	one program, plays all stories there; links with the core
#	src/wire/test/test_*.c	link with core and wire
#	src/test/test_X.c		link with core, wire, src/X.c, which they test, what that
#							needs, and PostgreSQL's libraries for programs
#
# Other files beside the tests of core and wire help them: they are linked
# where they are used.  Core and wire are compiled without the server's include
# path.

PG_CONFIG ?= pg_config
BUILD := build/core

CC := gcc
SANITIZE := -fsanitize=address,undefined -fno-sanitize-recover=all
CFLAGS := -std=gnu99 -g -O1 -fno-omit-frame-pointer $(SANITIZE) -Isrc \
	-Wall -Wextra -Wdeclaration-after-statement \
	$(if $(filter-out 0,$(WERROR)),-Werror)

tests_in = $(patsubst src/%.c,$(BUILD)/%,$(sort $(wildcard $(1)/test_*.c)))
objects_of = $(patsubst src/%.c,$(BUILD)/%.o,$(wildcard $(1)/*.c))

RAFT_TESTS := $(call tests_in,src/raft/test)
WIRE_TESTS := $(call tests_in,src/wire/test)
RAFT_OBJS := $(call objects_of,src/raft)
WIRE_OBJS := $(call objects_of,src/wire)
RAFT_HELPERS := $(filter-out $(RAFT_TESTS:%=%.o),$(call objects_of,src/raft/test))
WIRE_HELPERS := $(filter-out $(WIRE_TESTS:%=%.o),$(call objects_of,src/wire/test))

SERVER_INCLUDE := $(wildcard $(shell $(PG_CONFIG) --includedir-server 2>/dev/null)/postgres.h)
ifneq ($(SERVER_INCLUDE),)
SERVER_TESTS := $(call tests_in,src/test)
# Debian keeps the libraries in pkglibdir, an installation from source in libdir.
PG_LIBS := $(foreach library,libpgcommon.a libpgport.a,$(firstword \
	$(wildcard $(foreach dir,--pkglibdir --libdir,$(shell $(PG_CONFIG) $(dir))/$(library)))))
endif

# To be run at the top of the tree.
STORIES := $(BUILD)/raft/test/scenarios/run_stories
STORY_OBJS := $(call objects_of,src/raft/test/scenarios)

CORE_TESTS := $(RAFT_TESTS) $(WIRE_TESTS) $(STORIES)
TESTS := $(CORE_TESTS) $(SERVER_TESTS)

all: $(TESTS)
core: $(CORE_TESTS)
.SECONDARY:
.PHONY: all core run run-core

run:
ifeq ($(SERVER_INCLUDE),)
	@echo "without src/test: no server headers found by $(PG_CONFIG)"
endif
	@prove -e '' $(TESTS)

run-core:
	@prove -e '' $(CORE_TESTS)

$(BUILD)/%.o: src/%.c $(wildcard src/*.h src/*/*.h src/*/test/*.h src/test/*.h)
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) -c -o $@ $<

# cmocka hands every test a parameter that few of them use.
$(TESTS:%=%.o): CFLAGS += -Wno-unused-parameter

# With the server's headers (-isystem: no warnings about these) and the
# warnings of the extension's own build.
$(SERVER_TESTS:%=%.o) $(call objects_of,src): CFLAGS += \
	-D_GNU_SOURCE -isystem $(dir $(SERVER_INCLUDE)) \
	-Wno-unused-parameter -Wno-sign-compare -Wno-missing-field-initializers

# An archive, of which the linker takes what a test uses.
$(BUILD)/raft_helpers.a: $(RAFT_HELPERS)
$(BUILD)/wire_helpers.a: $(WIRE_HELPERS)
%.a:
	@mkdir -p $(@D)
	@rm -f $@
	ar rc $@ $^

$(STORY_OBJS): $(wildcard src/raft/test/scenarios/*.h)

$(STORIES): $(STORY_OBJS) $(BUILD)/raft_helpers.a $(RAFT_OBJS)
$(RAFT_TESTS): %: %.o $(BUILD)/raft_helpers.a $(RAFT_OBJS)
$(WIRE_TESTS): %: %.o $(BUILD)/wire_helpers.a $(RAFT_OBJS) $(WIRE_OBJS)
# Ahead of the libraries, which it needs.
$(BUILD)/test/test_contact: $(BUILD)/diagnosis.o
$(filter-out %_load,$(SERVER_TESTS)): $(BUILD)/test/test_%: $(BUILD)/test/test_%.o \
	$(BUILD)/%.o $(RAFT_OBJS) $(WIRE_OBJS) $(PG_LIBS)
$(BUILD)/test/test_state_file_load: %: %.o $(BUILD)/state_file.o \
	$(RAFT_OBJS) $(WIRE_OBJS) $(PG_LIBS)
$(BUILD)/test/test_event_format: $(BUILD)/event_fields.o

$(TESTS):
	$(CC) $(CFLAGS) -o $@ $^ -lcmocka
