# Build, installation, and every developer command of pg_leader.
# "make help" prints the lines that begin with "#:".
#
#: Build  (PG_CONFIG=/path/to/pg_config chooses the PostgreSQL)
#:   make                 build the extension; WERROR=1 turns warnings into errors,
#:                        with_llvm=yes adds bitcode for JIT
#:   make install         install it into that PostgreSQL
#:   make clean           remove all that was built
#:
#: See it work
#:   make demo            three servers on loopback elect a leader, lose it to a
#:                        crash, elect another; KEEP=1 leaves them running
#:
#: Test
#:   make check           every test, on a temporary installation of its own;
#:                        PROVE_TESTS='t/001_x.pl' or REGRESS=x runs only those,
#:                        PROVE_FLAGS='-j 4 -v' are options for prove
#:   make check-core      only what tests the core: unit tests, scenarios, a short run
#:                        of simulator and explorer; with sanitizers
#:   make check-stand     test stand of five nodes in network namespaces: every scenario
#:                        of script/test_stand/scenarios (root; make check runs a few)
#:   make soak            TAP tests over and over, for HOURS=1 or until one fails
#:   make failover        kill the leader of three nodes 50 times and measure how
#:                        long it takes; KILLS=n, WHAT=power kills all at once
#:   make idle            what three idle nodes cost, over SECONDS=60
#:   make bench           medians, and ratios to a peer measured in the same run;
#:                        BENCH=hook for some of them only, ROUNDS=20
#:   make installcheck    regression and TAP tests, as an ordinary user, after
#:                        make install
#:
#: Try to break the core
#:   make sim             simulate clusters with every fault there is, SEEDS=n of them
#:                        from FIRST=n on, with NODES=n, STEPS=n events each, in JOBS=n
#:                        processes; SEED=n TRACE=1 replays one, event by event;
#:                        STUDY=failover|quiet measures, SELFCHECK=1 breaks the clocks
#:   make explore         every interleaving of small clusters; BOUNDS=big for larger
#:                        ones, BOUNDS=planted to see each run catch a planted bug
#:   make mutants         break the code on purpose, 40 ways and more: who notices?
#:   make replay          feed the core what algorithm logs of real servers say that it
#:                        was given, and compare: LOG=file or LOG='file file ...'
#:   make coverage        lines and branches of the core that the unit tests reach
#:
#: Change
#:   make format          lay out C and Perl, renew typedefs.list
#:   make lint            layout, layers, exports, static analysis, hygiene
#:
#: All but the first three install the Debian packages that they lack first; what
#: starts servers drops root by itself.

MODULE_big = pg_leader
EXTENSION = pg_leader
DATA = $(sort $(wildcard sql/pg_leader--*.sql))

CORE_OBJS = $(patsubst %.c,%.o,$(sort $(wildcard src/raft/*.c src/wire/*.c)))
SERVER_OBJS = $(patsubst %.c,%.o,$(sort $(wildcard src/*.c)))
OBJS = $(CORE_OBJS) $(SERVER_OBJS)

SHLIB_EXPORTS = src/exports.txt
PG_CPPFLAGS = -Isrc
ifneq ($(filter-out 0,$(WERROR)),)
PG_CFLAGS = -Wall -Wextra -Werror
endif

# sql/ holds the extension's scripts beside the inputs of the regression tests.
REGRESS = $(filter-out pg_leader--%,$(sort $(basename $(notdir $(wildcard sql/*.sql)))))
REGRESS_OPTS = --temp-instance=tmp_regress --temp-config=regress.conf
TAP_TESTS = 1

EXTRA_CLEAN = build tmp_regress

# Bitcode only on demand: it needs clang, and doubles the time of a build.
ifeq ($(origin with_llvm),undefined)
override with_llvm = no
endif

PG_CONFIG ?= pg_config
DEV = script/dev

# PGXS has a target "check" of its own that only says "not supported", and
# redefining it draws a warning.  So: only goals of ours - PGXS is not needed,
# and perhaps not installed yet; "check" among others - each goal gets a make
# of its own, in order; anything else - PGXS.
OUR_GOALS = bench check check-core check-stand coverage demo explore failover format help \
	idle lint mutants replay sim soak
GOALS := $(or $(MAKECMDGOALS),all)
.DEFAULT_GOAL := all
.PHONY: $(OUR_GOALS)

ifneq ($(filter check,$(GOALS)),)
ifneq ($(filter-out $(OUR_GOALS),$(GOALS)),)
EACH_ALONE = yes
endif
endif

ifdef EACH_ALONE

.PHONY: $(GOALS)
.NOTPARALLEL:
$(GOALS):
	@$(MAKE) --no-print-directory $@

else

ifneq ($(filter-out $(OUR_GOALS),$(GOALS)),)
PGXS := $(shell $(PG_CONFIG) --pgxs 2>/dev/null)
SERVER_H := $(shell $(PG_CONFIG) --includedir-server 2>/dev/null)/postgres.h
ifeq ($(and $(wildcard $(PGXS)),$(wildcard $(SERVER_H))),)
$(error no server headers found by "$(PG_CONFIG)": install postgresql-server-dev-15, \
or say PG_CONFIG=...; "make demo" and "make check" install what they need)
endif
include $(PGXS)

# Warnings that PostgreSQL's own headers draw; the core includes none of them.
ifneq ($(filter-out 0,$(WERROR)),)
$(SERVER_OBJS): override CFLAGS += -Wno-unused-parameter -Wno-sign-compare \
	-Wno-missing-field-initializers
endif

# Distributions build PostgreSQL without dependency tracking, and PGXS follows
# suit.  Instead, a change to any header or to the flags rebuilds all.
$(OBJS): $(wildcard src/*.h src/raft/*.h src/wire/*.h) build/flags
build/flags: FORCE
	@mkdir -p build; echo "$(CC) $(CFLAGS) $(CPPFLAGS)" > $@.new; \
	cmp -s $@.new $@ && rm $@.new || mv $@.new $@
.PHONY: FORCE
FORCE:

# pg_leaderctl is a program of its own, with a Makefile of its own.
all: pg_leaderctl
install: install-pg_leaderctl
uninstall: uninstall-pg_leaderctl
clean distclean maintainer-clean: clean-pg_leaderctl

.PHONY: pg_leaderctl install-pg_leaderctl uninstall-pg_leaderctl clean-pg_leaderctl
pg_leaderctl: build/flags
	@$(MAKE) --no-print-directory -C src/bin all
install-pg_leaderctl: pg_leaderctl
	@$(MAKE) --no-print-directory -C src/bin install
uninstall-pg_leaderctl clean-pg_leaderctl:
	@$(MAKE) --no-print-directory -C src/bin $(@:-pg_leaderctl=)

else

# Tests of the test stand, if only some tests are to run; and whether they are.
STAND_TESTS = $(filter t/071% t/072% t/073% t/074%,$(wildcard $(PROVE_TESTS)))
SOME_TESTS = $(PROVE_TESTS)$(and $(filter command,$(origin REGRESS)),$(REGRESS))

check:
	@$(DEV)/install_packages.sh check $$([ "$$(id -u)" -ne 0 ] || echo stand)
	@$(DEV)/as_test_user.sh $(DEV)/run_tests.sh
ifneq ($(or $(STAND_TESTS),$(if $(SOME_TESTS),,all)),)
	@STAND=optional $(DEV)/check_stand.sh $(STAND_TESTS)
endif

endif

bench:
	@$(DEV)/install_packages.sh check
	@$(DEV)/as_test_user.sh $(DEV)/bench.sh $(or $(ROUNDS),20) $(BENCH)

check-core:
	@$(DEV)/install_packages.sh core
	@$(DEV)/check_core.sh

check-stand:
	@$(DEV)/install_packages.sh stand
	@SCENARIOS=all $(DEV)/check_stand.sh $(PROVE_TESTS)

coverage:
	@$(DEV)/install_packages.sh core
	@$(DEV)/coverage.sh

explore:
	@$(DEV)/install_packages.sh core
	@$(DEV)/explore.sh $(BOUNDS)

mutants:
	@$(DEV)/install_packages.sh check
	@$(DEV)/mutants.sh

replay:
	@$(DEV)/install_packages.sh core
	@$(DEV)/replay.sh $(LOG)

sim:
	@$(DEV)/install_packages.sh core
	@$(DEV)/sim.sh

demo:
	@$(DEV)/install_packages.sh demo
	@KEEP="$(KEEP)" $(DEV)/as_test_user.sh $(DEV)/demo.sh

failover:
	@$(DEV)/install_packages.sh check
	@$(DEV)/as_test_user.sh $(DEV)/failover.sh $(or $(KILLS),50) $(WHAT)

idle:
	@$(DEV)/install_packages.sh check
	@$(DEV)/as_test_user.sh $(DEV)/idle.sh $(or $(SECONDS),60)

soak:
	@$(DEV)/install_packages.sh check
	@$(DEV)/as_test_user.sh $(DEV)/soak.sh

format:
	@$(DEV)/install_packages.sh lint
	@$(DEV)/list_typedefs.sh > typedefs.list.new && mv typedefs.list.new typedefs.list
	@$(DEV)/format.sh

lint:
	@$(DEV)/install_packages.sh lint
	@$(DEV)/lint.sh

help:
	@sed -n 's/^#: \{0,1\}//p' Makefile

endif
