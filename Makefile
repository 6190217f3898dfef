# gatehouse: GNU Makefile. `make help` lists the targets.
# Objects go to build/MODE/; MODE is release, asan (with UBSan), fuzz (clang only) or wide (its
# journal has another layout, for the tests of upgrades).
# CFLAGS, CPPFLAGS and LDFLAGS from outside are added to ours; V=1 shows the commands.
MODE ?= release
PREFIX ?= /usr/local
SYSCONFDIR ?= $(if $(filter /usr /usr/local,$(PREFIX)),/etc,$(PREFIX)/etc)
BASH_COMPLETION = $(DESTDIR)$(PREFIX)/share/bash-completion/completions/gatehouse
ZSH_COMPLETION = $(DESTDIR)$(PREFIX)/share/zsh/site-functions/_gatehouse
UNIT_FILES = $(addprefix $(DESTDIR)$(PREFIX)/lib/,systemd/system/gatehouse.service \
	systemd/system/gatehouse.socket sysusers.d/gatehouse.conf tmpfiles.d/gatehouse.conf)
FUZZ_SECONDS ?= 60
KILL_SECONDS ?= 200
SOAK_SECONDS ?= 600
SOAK_CONNECTIONS ?= 500
WERROR ?= -Werror
BUILD := build/$(MODE)
Q := $(if $(filter 1,$(V)),,@)
say = $(if $(filter 1,$(V)),,@printf '  %-5s %s\n' $(1) $(2))
ifeq ($(MAKELEVEL),0)
MAKEFLAGS += -j$(shell nproc) --no-print-directory
endif
ifeq ($(MODE)-$(origin CC),fuzz-default)
CC := clang
endif

# Goals named together are made one after the other (`make clean all`, `make lint test`),
# each with all processors.
ifneq ($(MAKELEVEL)-$(word 2,$(MAKECMDGOALS)),$(MAKELEVEL)-)
$(MAKECMDGOALS):
	+@$(MAKE) $@
.PHONY: $(MAKECMDGOALS)
.NOTPARALLEL:
else

FOLDERS := master worker admin common
SRC := $(foreach d,$(FOLDERS),$(wildcard $(d)/*.c))
UNIT_SRC := $(wildcard tests/unit/*.c)
FUZZ_SRC := $(wildcard tests/fuzz/*.c)
BENCH_SRC := $(wildcard tests/bench/*.c)
C_SRC := $(SRC) $(UNIT_SRC) $(FUZZ_SRC) $(BENCH_SRC)
C_FILES := $(C_SRC) $(wildcard $(FOLDERS:%=%/*.h) tests/*/*.h)
UNIT := $(patsubst tests/unit/%.c,%,$(filter tests/unit/test_%,$(UNIT_SRC)))
# Sanitizers have no filter of system calls and another heap: these run without them, too.
UNIT_RELEASE := $(patsubst %,build/release/unit/%,test_sandbox test_privilege)
FUZZ := $(patsubst tests/fuzz/%.c,%,$(FUZZ_SRC))
# bench_NAME.c is a micro-benchmark each; `make bench` has two programs besides, and links
# gatehouse again with one of its parts replaced by tests/bench/without_PART.c.
BENCH := $(patsubst tests/bench/%.c,%,$(filter tests/bench/bench_%,$(BENCH_SRC)))
BENCH_PARTS := $(patsubst tests/bench/without_%.c,%,$(filter tests/bench/without_%,$(BENCH_SRC)))

all: build/gatehouse

# Targets that need neither libraries nor flags must work where nothing is installed.
ifneq ($(filter-out help deps clean distclean uninstall,$(or $(MAKECMDGOALS),all)),)

# The libraries of this machine. Packages come and go with dpkg's status file; then it is
# looked at again, which takes a moment and changes no flag as a rule.
include build/config.mk
build/config.mk: contrib/build/deps.sh contrib/build/config.sh $(wildcard /var/lib/dpkg/status)
	@mkdir -p build
	@CC="$(CC)" contrib/build/deps.sh build
	@contrib/build/config.sh >$@.new && mv $@.new $@

OUR_CPPFLAGS := -D_GNU_SOURCE -I. $(PKG_CFLAGS) $(LLHTTP_CFLAGS)
OUR_CFLAGS := -std=c11 -Wall -Wextra $(WERROR) -Wshadow -Wmissing-prototypes -Wstrict-prototypes \
	-Wformat=2 -Wcast-qual -Wvla -Wswitch-enum -Wundef -Wwrite-strings
SANITIZE_asan := -fsanitize=address,undefined
SANITIZE_fuzz := -fsanitize=fuzzer-no-link,address,undefined
# gatehouse is optimized as a whole (gcc alone). Other programs are linked from the same objects
# as they are, for the linker can't put anything in a function's place (--wrap) by then.
CC_SAYS := $(shell $(CC) --version 2>&1 | head -n 1)
LTO := $(if $(findstring clang,$(CC_SAYS)),,-flto=auto)
MODE_CFLAGS_release := -O3 -g -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2 -fstack-protector-strong \
	-fPIE $(LTO:%=% -ffat-lto-objects)
MODE_CFLAGS_asan := -O1 -g -U_FORTIFY_SOURCE -fno-omit-frame-pointer $(SANITIZE_asan) \
	-fno-sanitize-recover=all
MODE_CFLAGS_fuzz := -O1 -g -U_FORTIFY_SOURCE -fno-omit-frame-pointer $(SANITIZE_fuzz) \
	-fno-sanitize-recover=all
MODE_CFLAGS_wide := -O1 -g -fPIE -DARENA_MODEL_BYTES=96
MODE_LDFLAGS_wide := -pie
MODE_LDFLAGS_release = -pie -Wl,-z,relro,-z,now $(NO_LTO)
NO_LTO := $(LTO:%=-fno-lto)
$(BUILD)/gatehouse: NO_LTO :=
MODE_LDFLAGS_asan := $(SANITIZE_asan)
MODE_LDFLAGS_fuzz := $(subst -no-link,,$(SANITIZE_fuzz))
ifndef MODE_CFLAGS_$(MODE)
$(error MODE is release, asan, fuzz or wide, not $(MODE))
endif
compile = $(CC) $(OUR_CPPFLAGS) $(CPPFLAGS) $(OUR_CFLAGS) $(MODE_CFLAGS_$(MODE)) $(CFLAGS) -MMD -MP
compile_foreign = $(CC) $(LLHTTP_CFLAGS) $(CPPFLAGS) $(MODE_CFLAGS_$(MODE)) $(CFLAGS)
link = $(CC) $(MODE_CFLAGS_$(MODE)) $(CFLAGS) $(MODE_LDFLAGS_$(MODE)) $(LDFLAGS)
libs = -Wl,--start-group $(ARCHIVES) -Wl,--end-group $(LLHTTP_LIBS) $(PKG_LIBS) -lm $(LIBS)

# $(call stamp,FILE,TEXT): FILE changes only when TEXT does; what depends on it follows.
stamp = $(if $(subst <$(strip $(2))>,,<$(strip $(file <$(1)))>),$(call stamp_write,$(1),$(strip $(2))))
stamp_write = $(shell mkdir -p $(dir $(1)))$(file >$(1),$(2))
$(call stamp,$(BUILD)/flags,$(compile) $(link) $(libs) $(CC_SAYS))
$(call stamp,$(BUILD)/sources,$(SRC))

# Files that are part of the executable: models.c and api_audit.c have their symbols; those
# of the page stand in a table under their bare names.
EMBED := etc/models.json admin/openapi.json
WWW := $(wildcard admin/www/*)
WWW_NAMES := $(notdir $(WWW)) chart.js
ARCHIVES := $(FOLDERS:%=$(BUILD)/lib%.a) $(BUILD)/libembed.a $(if $(LLHTTP_DIR),$(BUILD)/libllhttp.a)

# A hard link: as old as what it names, so nothing is copied twice.
build/gatehouse: build/release/gatehouse
	$(Q)ln -f $< $@
ifneq ($(MODE),release)
build/release/gatehouse: FORCE
	$(Q)$(MAKE) MODE=release $@
.PHONY: FORCE
endif
$(BUILD)/gatehouse: $(BUILD)/master/main.o $(ARCHIVES)
	$(call say,LINK,$@)
	$(Q)$(link) -o $@ $< $(libs)

$(BUILD)/%.o: %.c $(BUILD)/flags
	$(call say,CC,$<)
	@mkdir -p $(@D)
	$(Q)$(compile) -c -o $@ $<
$(BUILD)/llhttp/%.o: $(LLHTTP_DIR)/%.c $(BUILD)/flags
	@mkdir -p $(@D)
	$(Q)$(compile_foreign) -c -o $@ $<
define folder_archive
$(BUILD)/lib$(1).a: $(patsubst %.c,$(BUILD)/%.o,$(wildcard $(1)/*.c)) $(BUILD)/sources
	$$(Q)rm -f $$@ && ar rcs $$@ $$(filter %.o,$$^)
endef
$(BUILD)/embed/%.o: %
	@mkdir -p $(@D)
	$(Q)ld -r -b binary -z noexecstack -o $@ $< && objcopy \
	    --rename-section .data=.rodata,alloc,load,readonly,data,contents $@
define embed_www
$(BUILD)/www/$(2): $(1)
	@mkdir -p $$(@D)
	$$(Q)cp $$< $$@
endef
$(foreach f,$(WWW),$(eval $(call embed_www,$(f),$(notdir $(f)))))
$(eval $(call embed_www,$(CHART_JS),chart.js))
$(WWW_NAMES:%=$(BUILD)/www/%.o): %.o: %
	$(Q)cd $(@D) && ld -r -b binary -z noexecstack -o $(@F) $(<F) && objcopy \
	    --rename-section .data=.rodata,alloc,load,readonly,data,contents $(@F)
$(call stamp,$(BUILD)/www-names,$(WWW))
$(BUILD)/www/www_table.c: contrib/build/www_table.sh $(BUILD)/www-names
	$(Q)$< $(WWW_NAMES) >$@
$(BUILD)/www/www_table.o: $(BUILD)/www/www_table.c admin/www.h $(BUILD)/flags
	$(Q)$(compile) -c -o $@ $<
$(BUILD)/libembed.a: $(EMBED:%=$(BUILD)/embed/%.o) $(WWW_NAMES:%=$(BUILD)/www/%.o) $(BUILD)/www/www_table.o
	$(Q)rm -f $@ && ar rcs $@ $^
$(foreach d,$(FOLDERS),$(eval $(call folder_archive,$(d))))
$(BUILD)/libllhttp.a: $(patsubst %,$(BUILD)/llhttp/%.o,api http llhttp)
	$(Q)rm -f $@ && ar rcs $@ $^

# --- tests -------------------------------------------------------------------------------
# One binary per module: make MODE=asan build/asan/unit/test_span
UNIT_COMMON := $(patsubst %.c,$(BUILD)/%.o,$(filter-out tests/unit/test_%,$(UNIT_SRC)))
$(BUILD)/unit/%: $(BUILD)/tests/unit/%.o $(UNIT_COMMON) $(ARCHIVES)
	$(call say,LINK,$@)
	@mkdir -p $(@D)
	$(Q)$(link) -o $@ $(filter %.o,$^) $(UNIT_WRAP_$*:%=-Wl,--wrap=%) $(libs) $(CMOCKA_LIBS)
# What a test has to make fail, or to look at, by __wrap_NAME in it.
UNIT_WRAP_test_gate := shared_get_settings
UNIT_WRAP_test_upstream := send
UNIT_WRAP_test_wire_later := realloc
UNIT_WRAP_test_wire_pace := recv send sendmsg
$(BUILD)/fuzz/%: $(BUILD)/tests/fuzz/%.o $(ARCHIVES)
	$(call say,LINK,$@)
	@mkdir -p $(@D)
	$(Q)$(link) -o $@ $< $(libs)
$(BUILD)/bench/%: $(BUILD)/tests/bench/%.o $(ARCHIVES)
	$(call say,LINK,$@)
	@mkdir -p $(@D)
	$(Q)$(link) -o $@ $(filter %.o,$^) $(libs)
bench_objects = $(patsubst %.c,$(BUILD)/%.o,$(filter $(1),$(BENCH_SRC)))
$(BUILD)/bench/load: $(call bench_objects,tests/bench/load_%)
$(BUILD)/bench/upstream: $(call bench_objects,tests/bench/upstream_%)
# The linker puts NAME of without_PART.c in the place of the product's, for each of these;
# `none` is for comparison, linked in the same way.
BENCH_WRAP_limits := gate_admit_address gate_admit_key
BENCH_WRAP_meter := meter_request_feed meter_answer_feed meter_answer_end
BENCH_WRAP_journal := account_open account_note account_settle
BENCH_WRAP_all := $(foreach p,$(BENCH_PARTS),$(BENCH_WRAP_$(p)))
without_objects = $(call bench_objects,$(if $(filter all,$(1)),tests/bench/without_%,tests/bench/without_$(1).c))
define bench_without
$(BUILD)/bench/without-$(1)/gatehouse: $(BUILD)/master/main.o $(call without_objects,$(1)) $(ARCHIVES)
	$$(call say,LINK,$$@)
	@mkdir -p $$(@D)
	$$(Q)$$(link) -o $$@ $$(filter %.o,$$^) $(BENCH_WRAP_$(1):%=-Wl,--wrap=%) $$(libs)
endef
$(foreach p,$(BENCH_PARTS) all none,$(eval $(call bench_without,$(p))))
$(BUILD)/bench/bare: $(call bench_objects,tests/bench/upstream_listen.c)
BENCH_TOOLS := $(BUILD)/bench/load $(BUILD)/bench/upstream $(BUILD)/bench/bare
bench-tools: $(BENCH_TOOLS)
	@:
# goals of one make each, for two would be made one after the other
test-binaries: $(BUILD)/gatehouse unit-build
unit-build: $(UNIT:%=$(BUILD)/unit/%)
	@:
unit-release: build/gatehouse $(UNIT_RELEASE)
	@:
ifeq ($(MODE),fuzz)
fuzz-build: $(FUZZ:%=$(BUILD)/fuzz/%)
	@:
else
fuzz-build: deps-test
	+$(Q)$(MAKE) MODE=fuzz CC=clang fuzz-build
endif

RUN_TESTS := python3 tests/run_tests.py
PYTEST_DIRS := $(sort $(dir $(wildcard tests/*/test_*.py)))
REQUIREMENTS := $(wildcard tests/requirements.txt) tests/lint/requirements.txt
UNIT_ARGS = $(UNIT:%=--unit build/asan/unit/%) $(UNIT_RELEASE:%=--unit %)
FUZZ_ARGS = $(FUZZ:%=--replay build/fuzz/fuzz/%)
PYTEST_ARGS = $(PYTEST_DIRS:%=--pytest %)

deps-test deps-lint deps-python deps-run deps-bench deps-deb deps-image: deps-%:
	@CC="$(CC)" contrib/build/deps.sh $*
venv: deps-python
	@contrib/build/venv.sh build/venv $(REQUIREMENTS)
node: deps-test
ifneq ($(wildcard tests/e2e/package-lock.json),)
	@contrib/build/npm.sh tests/e2e build/node
endif
# Built apart by mode, then run: flags differ, so each mode is a make of its own.
test-build: deps-test
	+$(Q)$(MAKE) $(if $(Q),-s) MODE=release unit-release bench-tools
	+$(Q)$(MAKE) $(if $(Q),-s) MODE=asan test-binaries
	+$(Q)$(MAKE) $(if $(Q),-s) MODE=wide build/wide/gatehouse
	+$(Q)$(MAKE) $(if $(Q),-s) fuzz-build
test: test-build venv node
	$(Q)$(RUN_TESTS) $(UNIT_ARGS) $(FUZZ_ARGS) $(PYTEST_ARGS)
unit: deps-test
	+$(Q)$(MAKE) MODE=release unit-release
	+$(Q)$(MAKE) MODE=asan unit-build
	$(Q)$(RUN_TESTS) $(UNIT_ARGS)
e2e: test-build venv node
	$(Q)$(RUN_TESTS) $(PYTEST_ARGS)
soak: build/gatehouse venv
	$(Q)SOAK_SECONDS=$(SOAK_SECONDS) SOAK_CONNECTIONS=$(SOAK_CONNECTIONS) \
	    GATEHOUSE_BINARY=build/gatehouse build/venv/bin/python -m pytest -q tests/e2e/test_soak.py
soak-kill: build/gatehouse venv
	$(Q)KILL_SECONDS=$(KILL_SECONDS) GATEHOUSE_BINARY=build/gatehouse \
	    build/venv/bin/python -m pytest -q tests/e2e/test_kill.py
soak-slow: build/gatehouse venv
	$(Q)SLOW_CONNECTIONS=10000 GATEHOUSE_BINARY=build/gatehouse \
	    build/venv/bin/python -m pytest -q tests/e2e/test_slow.py
fuzz: $(FUZZ:%=fuzz-run-%)
fuzz-run-%: fuzz-build
	$(Q)tests/fuzz/run.sh $(FUZZ_SECONDS) build/fuzz/fuzz/$*
# Micro-benchmarks: each says what it measured, and with --check fails behind its bounds.
ifeq ($(MODE),release)
bench-build: $(BENCH:%=$(BUILD)/bench/%)
	@:
bench-micro: bench-build
	$(Q)for b in $(BENCH); do echo "$$b"; build/release/bench/$$b $(BENCH_ARGS) || exit 1; done
bench-variants: $(patsubst %,$(BUILD)/bench/without-%/gatehouse,$(BENCH_PARTS) all none)
	@:
# Side by side with nginx and haproxy: BENCH_ROUNDS, BENCH_ONLY, BENCH_PEERS (see --help).
bench: bench-micro bench-variants bench-tools build/gatehouse deps-bench
	$(Q)python3 tests/bench/bench.py
else
bench bench-build bench-micro bench-variants:
	+$(Q)$(MAKE) MODE=release $@
endif

# --- lint --------------------------------------------------------------------------------
# A file is looked at again when its object had to be made anew, so headers count too.
TIDY_FLAGS = -std=c11 $(OUR_CPPFLAGS)
SHELL_FILES := .ci/run $(addprefix contrib/debian/,postinst prerm postrm) $(wildcard contrib/*/*.sh contrib/*/*.bash tests/*.sh tests/*/*.sh)
PYTHON_FILES := $(wildcard tests/*.py tests/*/*.py contrib/*/*.py)
lint: lint-format lint-rules lint-shell lint-python lint-cppcheck lint-tidy
lint-format: deps-lint
	$(Q)clang-format --dry-run -Werror $(C_FILES)
lint-rules: deps-lint
	$(Q)python3 tests/lint/include_rules.py .
	$(Q)python3 tests/lint/text_rules.py .
lint-shell: deps-lint
	$(Q)shellcheck $(SHELL_FILES)
lint-python: venv
	$(Q)build/venv/bin/ruff check --quiet $(PYTHON_FILES)
lint-cppcheck: deps-lint
	@mkdir -p build/lint/cppcheck
	$(Q)cppcheck --quiet -j 2 --enable=warning,performance,portability --error-exitcode=1 \
	    --inline-suppr --std=c11 --library=posix --library=tests/lint/cppcheck.cfg \
	    --suppressions-list=tests/lint/cppcheck.suppressions \
	    --cppcheck-build-dir=build/lint/cppcheck -D_GNU_SOURCE -D__linux__ -I. $(C_SRC)
lint-tidy: $(C_SRC:%.c=$(BUILD)/lint/%.tidy)
$(BUILD)/lint/%.tidy: $(BUILD)/%.o .clang-tidy tests/.clang-tidy
	$(call say,TIDY,$*.c)
	@mkdir -p $(@D)
	$(Q)clang-tidy --quiet $*.c -- $(TIDY_FLAGS) >$@.log 2>&1 || { cat $@.log; exit 1; }
	@touch $@
$(C_SRC:%.c=$(BUILD)/%.o) $(C_SRC:%.c=$(BUILD)/lint/%.tidy): | $(if $(filter lint%,$(MAKECMDGOALS)),deps-lint)

run: build/gatehouse deps-run
	$(Q)contrib/run/run.sh

install: build/gatehouse
	install -d $(DESTDIR)$(PREFIX)/bin $(DESTDIR)$(PREFIX)/share/man/man8 \
	    $(DESTDIR)$(PREFIX)/share/gatehouse $(DESTDIR)$(SYSCONFDIR)/gatehouse \
	    $(dir $(BASH_COMPLETION)) $(dir $(ZSH_COMPLETION))
	install -m 755 build/gatehouse $(DESTDIR)$(PREFIX)/bin/gatehouse
	install -m 644 contrib/man/gatehouse.8 $(DESTDIR)$(PREFIX)/share/man/man8/gatehouse.8
	install -m 644 contrib/completion/gatehouse.bash $(BASH_COMPLETION)
	install -m 644 contrib/completion/_gatehouse $(ZSH_COMPLETION)
	install -d $(dir $(UNIT_FILES))
	sed 's|@bindir@|$(PREFIX)/bin|' contrib/systemd/gatehouse.service >$(word 1,$(UNIT_FILES))
	chmod 644 $(word 1,$(UNIT_FILES))
	install -m 644 contrib/systemd/gatehouse.socket $(word 2,$(UNIT_FILES))
	install -m 644 contrib/systemd/gatehouse.sysusers $(word 3,$(UNIT_FILES))
	install -m 644 contrib/systemd/gatehouse.tmpfiles $(word 4,$(UNIT_FILES))
	$(if $(wildcard etc/models.json),install -m 644 etc/models.json $(DESTDIR)$(PREFIX)/share/gatehouse/)
	$(foreach f,$(wildcard etc/*.example),install -m 644 $(f) $(DESTDIR)$(SYSCONFDIR)/gatehouse/ &&) true

# A Debian package; deb-check installs, uses, upgrades and purges it under a systemd of its own,
# in a minimal Debian in namespaces: as root, some minutes.
deb: build/gatehouse deps-deb
	+$(Q)contrib/debian/build.sh build
deb-check: deb
	$(Q)contrib/debian/check.sh
# The image, built from its Dockerfile and tried without docker or a registry: likewise.
image-check: deps-image
	$(Q)contrib/docker/check.sh

-include $(wildcard $(C_SRC:%.c=$(BUILD)/%.d))
endif

uninstall:
	rm -f $(DESTDIR)$(PREFIX)/bin/gatehouse $(DESTDIR)$(PREFIX)/share/man/man8/gatehouse.8 \
	    $(BASH_COMPLETION) $(ZSH_COMPLETION) $(UNIT_FILES) \
	    $(DESTDIR)$(PREFIX)/share/gatehouse/models.json \
	    $(patsubst etc/%,$(DESTDIR)$(SYSCONFDIR)/gatehouse/%,$(wildcard etc/*.example))
	-rmdir --ignore-fail-on-non-empty $(DESTDIR)$(PREFIX)/share/gatehouse $(DESTDIR)$(SYSCONFDIR)/gatehouse
deps:
	@contrib/build/deps.sh build test lint run
format: deps-lint
	$(Q)clang-format -i $(C_FILES)
clean:
	rm -rf build/release build/asan build/fuzz build/wide build/lint build/test build/gatehouse build/config.mk
distclean:
	rm -rf build
help:
	@echo 'make                build/gatehouse (MODE=asan: build/asan/gatehouse)'
	@echo 'make run            build and start on https://localhost:8443, with a key to try it'
	@echo 'make test           all tests; parts of it: make unit, make e2e'
	@echo 'make soak           SOAK_CONNECTIONS (500) clients, and all that can befall them, for SOAK_SECONDS (600)'
	@echo 'make soak-kill      kill -9 at random for KILL_SECONDS (200), and see that usage adds up'
	@echo 'make soak-slow      10,000 half-open and slow connections, and real clients beside them'
	@echo 'make lint           format, clang-tidy, cppcheck, include rules, scripts'
	@echo 'make fuzz           each fuzz target for FUZZ_SECONDS (60)'
	@echo 'make bench          micro-benchmarks, then side by side with nginx and haproxy;'
	@echo '                    BENCH_ROUNDS=5 BENCH_ONLY=A,B BENCH_PEERS=nginx: less of it'
	@echo 'make bench-micro    the former alone; BENCH_ARGS=--check: fail if one is too slow'
	@echo 'make format         clang-format in place'
	@echo 'make install        PREFIX=/usr/local SYSCONFDIR=/etc DESTDIR=; make uninstall'
	@echo 'make deb            build/gatehouse_VERSION_ARCH.deb; make deb-check: try it under systemd, as root'
	@echo 'make image-check    build the image of contrib/docker and try it, as root'
	@echo 'make deps           install all packages that build, tests and lint need'
	@echo 'make clean          what was compiled; make distclean: all of build/'
.PHONY: all help deps deb deb-check image-check deps-deb deps-image deps-test deps-lint deps-python deps-run venv node test-build test-binaries test unit unit-build unit-release e2e soak soak-kill soak-slow bench \
	fuzz fuzz-build bench-build bench-micro bench-tools bench-variants deps-bench lint lint-format lint-rules lint-shell lint-python \
	lint-cppcheck lint-tidy format run install uninstall clean distclean
.SECONDARY:
.DELETE_ON_ERROR:
endif
