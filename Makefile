# quorate: what can be made, on a bare Debian 12 with git, make and a Rust toolchain.

PREFIX  ?= /usr/local
DESTDIR ?=
CARGO   ?= cargo

# Where cargo builds, by each of its variables. Blanks in a path: quoted for the shell, escaped for make.
target_dir := $(or $(CARGO_TARGET_DIR),$(CARGO_BUILD_TARGET_DIR),target)
built      := $(target_dir)/$(if $(CARGO_BUILD_TARGET),$(CARGO_BUILD_TARGET)/)release/quorate
blank      := $() $()
escaped     = $(subst $(blank),\ ,$(1))
# What is rehearsed with and installed; another one can be given, which is then not built here.
BINARY     ?= $(built)
sources    := Cargo.toml Cargo.lock $(shell find src ceremonies man -type f 2>/dev/null)

bindir  := $(DESTDIR)$(PREFIX)/bin
datadir := $(DESTDIR)$(PREFIX)/share
docdir  := $(datadir)/doc/quorate

# The customary places from which the shells load completions.
completion_bash := $(datadir)/bash-completion/completions/quorate
completion_zsh  := $(datadir)/zsh/site-functions/_quorate
completion_fish := $(datadir)/fish/vendor_completions.d/quorate.fish

man_sections := 1 5 7
documents    := $(wildcard LICENSE LICENSE-APACHE LICENSE-MIT README.md CHANGELOG.md)

# Debian packages. To build, a linker for C objects, and the client library of PC/SC, by which smart cards are reached
# (pkg-config finds it); to test, real tokens and the means to mount the attacks.
build_packages := gcc libc6-dev libpcsclite-dev pkg-config
# bubblewrap:       a machine with swap, a container, a medium that is read-only
# softhsm2, opensc: a PKCS#11 token, and a second program that looks at it
# strace:           the order of fsyncs, and kills at each write
# faketime:         clocks that go back, approvals that expire
# man-db, groff-base: the manual pages must render without a warning
# openssl, jq:      the manual's check of a line by hand
# gnutls-bin:       certtool, to sign a CRL with a key in a token
# libnss3, libnss3-tools: a PKCS#11 token of another make, and its own tool
# age:              also a program that asks for a passphrase on the terminal
# pcscd, vsmartcard-vpcd: the way to the virtual YubiKey; util-linux has setpriv, which ends pcscd with its test
# yubico-piv-tool, yubikey-manager, age, expect (who types PINs): programs of others that must find that card to be one
# python3, bsdutils: the way out without quorate, and a terminal for the PINs that age asks for
test_packages  := $(build_packages) softhsm2 opensc strace faketime bubblewrap man-db groff-base openssl jq \
                  pcscd vsmartcard-vpcd util-linux yubico-piv-tool yubikey-manager age expect python3 bsdutils gnutls-bin \
                  libnss3 libnss3-tools
# Not in Debian: the plugin by which stock age opens what is sealed to a YubiKey.
age_plugin_version := 0.5.1

.DEFAULT_GOAL := help
.PHONY: help rehearsal test sweep lint deny audit-dependencies bench fuzz interop man mutants vectors build install uninstall clean \
        toolchain build-needs test-needs

help: ## Show what can be made
	@sed -n 's/^\([a-z-]*\):[^#]*## \(.*\)/  make \1|\2/p' Makefile | while IFS='|' read -r goal text; do \
	    printf '%-26s %s\n' "$$goal" "$$text"; done
	@printf '\nInstalls to DESTDIR=%s PREFIX=%s\n' '$(DESTDIR)' '$(PREFIX)'

rehearsal: $(call escaped,$(BINARY)) ## Hold a whole ceremony on soft cards: installs what is missing, builds, runs it
	'$(BINARY)' rehearse

# Most tests wait for other processes longer than they compute.
export RUST_TEST_THREADS ?= $(shell echo $$(( 2 * $$(nproc) )))

# Started in the background it would hand down that Ctrl-C is ignored, and tests that end a program by it would wait for ever.
test: test-needs ## Run all tests: installs what they need
	PATH="$${CARGO_HOME:-$$HOME/.cargo}/bin:$$PATH" env --default-signal=HUP,INT,TERM $(CARGO) test --locked $(TEST_FLAGS)

sweep: test-needs ## Cut off at every write, not once at each kind of write: for a release
	PATH="$${CARGO_HOME:-$$HOME/.cargo}/bin:$$PATH" QUORATE_SWEEP_EVERY_CALL=1 \
	    env --default-signal=HUP,INT,TERM $(CARGO) test --locked --test suite crash_

lint: build-needs ## Check the formatting, the lints and, where cargo-deny is there, the dependencies
	$(CARGO) fmt --check
	rustfmt --check --edition 2024 src/*/operations/*.rs
	$(CARGO) clippy --all-targets --locked -- -D warnings
	@if $(CARGO) deny --version >/dev/null 2>&1; then $(MAKE) --no-print-directory deny; \
	else echo 'lint: no cargo-deny here, dependencies not checked (cargo install cargo-deny --locked)'; fi

deny: toolchain ## Check licences, sources and duplicates of the dependencies (cargo-deny)
	$(CARGO) deny --locked check bans licenses sources

audit-dependencies: toolchain ## Check the dependencies against the RustSec advisories (cargo-deny, network)
	$(CARGO) deny --locked check advisories

bench: build-needs ## Measure
	$(CARGO) bench --locked

# Coverage as libFuzzer needs it, by rustc itself: no nightly toolchain, no sanitizer.
fuzz_flags    := --cfg fuzzing -Ccodegen-units=1 -Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
                 -Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table \
                 -Cllvm-args=-sanitizer-coverage-trace-compares -Clink-dead-code
fuzz_targets  := $(basename $(notdir $(wildcard fuzz/targets/*.rs)))
# How long each target is run.
FUZZ_SECONDS  ?= 600

fuzz: $(call escaped,$(BINARY)) ## Run each fuzz target for FUZZ_SECONDS (600), from the corpora of a rehearsal: needs g++, jq and openssl
	fuzz/seeds.sh "$$(realpath '$(BINARY)')" "$$PWD/fuzz/corpus"
	cd fuzz && env -u CARGO_TARGET_DIR -u CARGO_BUILD_TARGET_DIR RUSTFLAGS='$(fuzz_flags)' \
	    $(CARGO) build --locked --release --target-dir target --target "$$(rustc -vV | sed -n 's/^host: //p')"
	set -e; mkdir -p fuzz/findings; for target in $(fuzz_targets); do echo "fuzz: $$target, $(FUZZ_SECONDS) s"; \
	    fuzz/target/*/release/$$target fuzz/corpus/$$target -max_total_time=$(FUZZ_SECONDS) -timeout=10 -rss_limit_mb=2048 \
	        -max_len=262144 -print_final_stats=1 -verbosity=0 -artifact_prefix=fuzz/findings/$$target- 2>&1 | tail -n 12; done

# Where the rules of the verifier are. The file of each operation is declared by a macro, which cargo-mutants does not follow.
mutated := src/transcript/*.rs src/approval/*.rs src/sharing/*.rs src/proposal/operations/*.rs \
    src/proposal/agreement.rs src/proposal/disputed_times.rs src/proposal/identity.rs src/proposal/joining.rs

mutants: build-needs ## Leave out each rule of the verifier in turn, which a test must notice: of all files, or of FILE (cargo-mutants)
	@$(CARGO) mutants --version >/dev/null 2>&1 || { echo 'mutants: no cargo-mutants here (cargo install cargo-mutants --locked)' >&2; exit 1; }
	$(CARGO) mutants $(foreach file,$(or $(FILE),$(mutated)),--file '$(file)')

# Where test vectors are written; it must not exist.
VECTORS ?= $(target_dir)/vectors

vectors: build-needs ## Write ledgers, lines, approvals, shares and backups, with their defects in an index, to VECTORS, and read them
	mkdir -p "$$(dirname '$(VECTORS)')" && mkdir '$(VECTORS)'
	QUORATE_VECTORS="$$(realpath '$(VECTORS)')" $(CARGO) test --locked --package quorate --lib -- transcript::tests
	QUORATE_VECTORS="$$(realpath '$(VECTORS)')" $(CARGO) test --locked --test suite attacks_record::vectors

# Not in Debian: another implementation of age's hybrid recipients. Its packages run no script when they are installed.
typage_version := 0.3.1
interop        := $(target_dir)/interop

interop: build-needs ## Exchange files sealed to hybrid recipients with npm's age-encryption, both ways: installs what it needs
	@command -v node >/dev/null && command -v npm >/dev/null || { $(call require,nodejs npm); }
	rm -rf '$(interop)' && mkdir -p '$(interop)/files'
	npm install --prefix '$(interop)' --no-audit --no-fund --ignore-scripts age-encryption@$(typage_version)
	cp tests/interop/typage.mjs '$(interop)/'
	node '$(interop)/typage.mjs' make '$(interop)/files'
	QUORATE_INTEROP="$$(realpath '$(interop)/files')" $(CARGO) test --locked --package quorate --lib -- files_are_exchanged_with_typage
	[ "$$(node '$(interop)/typage.mjs' open '$(interop)/files')" = 'sealed by quorate' ]
	cp tests/interop/by-quorate.age '$(interop)/' && cp tests/interop/identity.txt '$(interop)/'
	[ "$$(node '$(interop)/typage.mjs' open '$(interop)')" = 'sealed by quorate' ]

man: build-needs ## Regenerate the manual pages from the command line's definitions
	QUORATE_BLESS=1 $(CARGO) test --locked --test manuals

build: build-needs ## Build the program in release
	$(CARGO) build --locked --release --package quorate

# As a file, so that `sudo make install` after `make build` does not run cargo as root.
$(call escaped,$(built)): $(sources)
	$(MAKE) --no-print-directory build
	@touch '$(built)'

install: $(call escaped,$(BINARY)) ## Install program, manual pages, completions, examples
	install -d '$(bindir)' '$(docdir)/examples'
	set -e; for script in '$(completion_bash)' '$(completion_zsh)' '$(completion_fish)'; do install -d "$${script%/*}"; done
	install -m 755 '$(BINARY)' '$(bindir)/quorate'
	set -e; for section in $(man_sections); do \
	    for page in man/*.$$section; do \
	        [ -e "$$page" ] || continue; \
	        install -D -m 644 "$$page" "$(datadir)/man/man$$section/$${page##*/}"; \
	    done; \
	done
	set -e; umask 022; '$(BINARY)' completions bash > '$(completion_bash)'; \
	    '$(BINARY)' completions zsh > '$(completion_zsh)'; \
	    '$(BINARY)' completions fish > '$(completion_fish)'
	install -m 644 $(documents) '$(docdir)/'
	[ ! -d ceremonies ] || cp -R ceremonies/. '$(docdir)/examples/'
	chmod -R u=rwX,go=rX '$(docdir)'
	install -m 755 examples/*.sh '$(docdir)/examples/'

uninstall: ## Remove what install put there
	rm -f '$(bindir)/quorate' '$(completion_bash)' '$(completion_zsh)' '$(completion_fish)'
	set -e; for section in $(man_sections); do \
	    for page in man/*.$$section; do rm -f "$(datadir)/man/man$$section/$${page##*/}"; done; \
	done
	rm -rf '$(docdir)'

clean: ## Remove what was built
	$(CARGO) clean

toolchain:
	@command -v $(CARGO) >/dev/null || { \
	    echo 'quorate needs a Rust toolchain, 1.89 or later: https://rustup.rs' >&2; exit 1; }

build-needs: toolchain
	@command -v cc >/dev/null && pkg-config --exists libpcsclite 2>/dev/null || { $(call require,$(build_packages)); }

test-needs: toolchain
	@$(call require,$(test_packages))
	@command -v age-plugin-yubikey >/dev/null || [ -x "$${CARGO_HOME:-$$HOME/.cargo}/bin/age-plugin-yubikey" ] || { \
	    echo 'Installing age-plugin-yubikey $(age_plugin_version)'; \
	    env -u CARGO_TARGET_DIR -u CARGO_BUILD_TARGET_DIR CARGO_PROFILE_DEV_DEBUG=0 $(CARGO) install age-plugin-yubikey --quiet --locked --debug \
	        --version $(age_plugin_version); }

# Shell code that installs those of the packages $(1) that are missing.
define require
missing=; \
if command -v dpkg-query >/dev/null; then \
    for package in $(1); do \
        dpkg-query -W -f='$${Status}' "$$package" 2>/dev/null | grep -q ' ok installed$$' || missing="$$missing $$package"; \
    done; \
else \
    echo 'This is no Debian; the following are expected to be there: $(1)' >&2; \
fi; \
if [ -n "$$missing" ]; then \
    root=; \
    if [ "$$(id -u)" -ne 0 ]; then \
        root=sudo; \
        command -v sudo >/dev/null || { \
            echo "Missing packages, and neither root nor sudo to install them. As root: apt-get install$$missing" >&2; \
            exit 1; }; \
    fi; \
    echo "Installing$$missing"; \
    $$root apt-get update -qq && \
    $$root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $$missing || { \
        echo "Could not install$$missing" >&2; exit 1; }; \
fi
endef
