# gatehouse: GNU Makefile. Objects go to build/MODE/; MODE is release or asan.
MODE ?= release
V ?= 0
BUILD := build/$(MODE)
CC ?= cc
PKGS := openssl libevent_core libevent_extra jansson
CPPFLAGS += -D_GNU_SOURCE -I. $(shell pkg-config --cflags $(PKGS))
WARN := -Wall -Wextra -Werror -Wshadow -Wmissing-prototypes -Wstrict-prototypes -Wformat=2 \
	-Wcast-qual -Wvla -Wswitch-enum -Wundef -Wwrite-strings
CFLAGS_release := -O2 -g -D_FORTIFY_SOURCE=2 -fstack-protector-strong -fPIE
CFLAGS_asan := -O1 -g -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize-recover=all
CFLAGS += -std=c11 $(WARN) $(CFLAGS_$(MODE)) -MMD -MP
LDFLAGS_release := -pie -Wl,-z,relro,-z,now
LDFLAGS_asan := -fsanitize=address,undefined
LDFLAGS += $(LDFLAGS_$(MODE))
LIBS := $(shell pkg-config --libs $(PKGS)) -ldb-5.3 -lseccomp -lpthread
LLHTTP_DIR := /usr/share/llhttp
CPPFLAGS += -I/usr/share/include/llhttp
Q := $(if $(filter 1,$(V)),,@)

FOLDERS := master worker admin common
SRC := $(foreach d,$(FOLDERS),$(wildcard $(d)/*.c))
OBJ := $(SRC:%.c=$(BUILD)/%.o)
LLHTTP_OBJ := $(patsubst %,$(BUILD)/llhttp/%.o,api http llhttp)
UNIT := $(patsubst tests/unit/%.c,%,$(wildcard tests/unit/test_*.c))
LIB = $(foreach d,worker admin,$(BUILD)/lib$(d).a) $(BUILD)/libcommon.a $(BUILD)/libllhttp.a

all: build/gatehouse
build/gatehouse: $(BUILD)/gatehouse
	$(Q)cp -p $< $@
$(BUILD)/gatehouse: $(patsubst %.c,$(BUILD)/%.o,$(wildcard master/*.c)) $(LIB)
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ $(LIBS)
$(BUILD)/%.o: %.c
	@mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS) $(CFLAGS) -c -o $@ $<
$(BUILD)/llhttp/%.o: $(LLHTTP_DIR)/%.c
	@mkdir -p $(@D)
	$(Q)$(CC) -I/usr/share/include/llhttp -DLLHTTP_STRICT_MODE=1 -O2 -g $(filter -fPIE -fsanitize=%,$(CFLAGS)) -c -o $@ $<
define folder_lib
$(BUILD)/lib$(1).a: $(patsubst %.c,$(BUILD)/%.o,$(wildcard $(1)/*.c))
	@mkdir -p $$(@D)
	$(Q)rm -f $$@ && ar rcs $$@ $$^
endef
$(foreach d,$(FOLDERS),$(eval $(call folder_lib,$(d))))
$(BUILD)/libllhttp.a: $(LLHTTP_OBJ)
	$(Q)rm -f $@ && ar rcs $@ $^

# one binary per module: make MODE=asan build/asan/unit/test_span && run it
$(BUILD)/unit/%: $(BUILD)/tests/unit/%.o $(LIB)
	@mkdir -p $(@D)
	$(Q)$(CC) $(LDFLAGS) -o $@ $< $(LIB) $(LIB) $(LIBS) -lcmocka
unit: $(UNIT:%=$(BUILD)/unit/%)
	$(Q)set -e; for t in $^; do ./$$t; done
clean:
	rm -rf build
.PHONY: all unit clean
.SECONDARY:
-include $(OBJ:.o=.d) $(wildcard $(BUILD)/tests/unit/*.d)
