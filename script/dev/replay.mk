# replay.mk: builds the program that replays algorithm logs.  Called by
# replay.sh.
#
#	SOURCE		tree that has the core, event_fields.c, event_format.c and
#				raft/test/replay/: src, or a copy of it in which a bug was planted
#	BUILD		where the products go

SOURCE := src
BUILD := build/replay

CC := gcc
CFLAGS := -std=gnu99 -g -O2 -I$(SOURCE) \
	-Wall -Wextra -Wdeclaration-after-statement \
	$(if $(filter-out 0,$(WERROR)),-Werror)

SOURCES := $(sort $(wildcard $(SOURCE)/raft/*.c $(SOURCE)/raft/test/replay/*.c) \
	$(SOURCE)/event_fields.c $(SOURCE)/event_format.c)
OBJS := $(SOURCES:$(SOURCE)/%.c=$(BUILD)/%.o)

$(BUILD)/replay: $(OBJS)
	$(CC) $(CFLAGS) -o $@ $^

$(BUILD)/%.o: $(SOURCE)/%.c $(wildcard $(SOURCE)/event_*.h $(SOURCE)/raft/*.h $(SOURCE)/raft/test/replay/*.h)
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) -c -o $@ $<
