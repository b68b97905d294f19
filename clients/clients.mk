# Generates, builds, checks and tests the clients of four languages; part of the Makefile.

# Go 1.19 builds these, and that is what Debian 12 has.
PROTOC_GEN_GO_VERSION := v1.33.0
PROTOC_GEN_GO_GRPC_VERSION := v1.3.0
# Of both, the linux file has to be there; not every release has one.
PROTOC_VERSION := 4.33.5
PROTOC_GEN_GRPC_JAVA_VERSION := 1.82.0
# As Maven's classifier names this machine.
PLATFORM := $(if $(filter Darwin,$(shell uname -s)),osx,linux)-$(if $(filter x86_64,$(shell uname -m)),x86_64,aarch_64)

CLIENTS_PYTHON := $(TOOLS)/stamps/clients-python
CLIENTS_GO := $(TOOLS)/stamps/clients-go-$(PROTOC_GEN_GO_VERSION)-$(PROTOC_GEN_GO_GRPC_VERSION)
# npm's own mark, which goes when node_modules does.
CLIENTS_TYPESCRIPT := clients/typescript/node_modules/.package-lock.json
CLIENTS_JAVA := $(TOOLS)/stamps/clients-java-$(PROTOC_VERSION)-$(PROTOC_GEN_GRPC_JAVA_VERSION)
CLIENTS_BIN := $(TOOLS)/clients/bin
# All that buf needs to generate.
GENERATORS := $(BUF_STAMP) $(CLIENTS_PYTHON) $(CLIENTS_GO) $(CLIENTS_TYPESCRIPT) $(CLIENTS_JAVA)

MVN := mvn --batch-mode --quiet --no-transfer-progress

# Where generated code is, relative to the repository: all of it, and of Python what matches.
GENERATED := clients/go/mailwrightv1 clients/typescript/src/gen clients/java/src/main/java/io/github/mailwright/v1
GENERATED_PYTHON := clients/python/src/mailwright/v1

.PHONY: generate lint-generated lint-clients clients test-clients

generate: $(GENERATORS) ## write the clients' stubs from proto/
	rm -rf $(GENERATED) $(GENERATED_PYTHON)/*_pb2*
	$(call generate,.)

clients: $(GENERATORS) ## build the clients, with what plays the conformance scenario
	cd clients/go && go build -o bin/ ./conformance ./conformance/load
	cd clients/typescript && npm run --silent build
	cd clients/java && $(MVN) test-compile dependency:build-classpath -Dmdep.outputFile=target/classpath

test-clients: clients ## test each client by itself; cargo's tests/clients plays all four together
	cd clients/python && $(CLIENTS_BIN)/python -m unittest discover -s tests
	cd clients/go && go test ./...
	cd clients/typescript && node --test dist/test/*.test.js
	cd clients/java && $(MVN) surefire:test

lint-clients: $(GENERATORS)
	cd clients/python && $(CLIENTS_BIN)/mypy
	cd clients/go && test -z "$$(gofmt -l . | tee /dev/stderr)" && go vet ./...

# What is committed must be what proto/ says now.
lint-generated: $(GENERATORS)
	rm -rf $(TOOLS)/generated
	$(call generate,$(TOOLS)/generated)
	for folder in $(GENERATED); do diff -r $$folder $(TOOLS)/generated/$$folder || exit 1; done
	diff -r -x __init__.py -x __pycache__ $(GENERATED_PYTHON) $(TOOLS)/generated/$(GENERATED_PYTHON)
	for copy in $(SERVICE_CONFIGS); do diff clients/service_config.json $$copy || exit 1; done

# Each package has the one service config in it.
SERVICE_CONFIGS := clients/python/src/mailwright/service_config.json clients/go/service_config.json \
	clients/java/src/main/resources/io/github/mailwright/service_config.json

# $(call generate,FOLDER): below this folder. TypeScript can't import JSON without a bundler's help, so
# there the service config is a module.
define generate
$(BUF) generate --template clients/buf.gen.yaml -o $(1) 2>$(TOOLS)/generate.log || { cat $(TOOLS)/generate.log >&2; exit 1; }
$(BUF) generate --template clients/typescript/third_party/buf.gen.yaml -o $(1)
{ echo '// From clients/service_config.json, by `make generate`.'; printf 'export default '; cat clients/service_config.json; } \
	> $(1)/clients/typescript/src/gen/service_config.ts
for copy in $(SERVICE_CONFIGS); do mkdir -p $(1)/$$(dirname $$copy) && cp clients/service_config.json $(1)/$$copy; done
endef

$(CLIENTS_PYTHON): clients/python/requirements-dev.txt clients/python/pyproject.toml
	@$(call debian,python3,python3)
	@$(call debian,python3 -m venv,python3-venv,python3 -c 'import ensurepip')
	@mkdir -p $(@D)
	python3 -m venv --clear $(TOOLS)/clients
	$(CLIENTS_BIN)/pip install -q --disable-pip-version-check --no-deps -r clients/python/requirements-dev.txt
	$(CLIENTS_BIN)/pip install -q --disable-pip-version-check --no-deps --no-build-isolation -e clients/python
	@touch $@

$(CLIENTS_GO):
	@$(call debian,go,golang-go)
	@mkdir -p $(@D)
	GOBIN=$(TOOLS)/bin go install google.golang.org/protobuf/cmd/protoc-gen-go@$(PROTOC_GEN_GO_VERSION)
	GOBIN=$(TOOLS)/bin go install google.golang.org/grpc/cmd/protoc-gen-go-grpc@$(PROTOC_GEN_GO_GRPC_VERSION)
	@rm -f $(TOOLS)/stamps/clients-go-* && touch $@

$(CLIENTS_TYPESCRIPT): clients/typescript/package-lock.json
	@$(call debian,node,nodejs)
	@$(call debian,npm,npm)
	cd clients/typescript && npm ci --no-audit --no-fund --ignore-scripts
	@touch $@

$(CLIENTS_JAVA):
	@$(call debian,mvn,maven default-jdk-headless)
	@mkdir -p $(@D) $(TOOLS)/bin
	$(call maven_binary,com.google.protobuf:protoc:$(PROTOC_VERSION),protoc)
	$(call maven_binary,io.grpc:protoc-gen-grpc-java:$(PROTOC_GEN_GRPC_JAVA_VERSION),protoc-gen-grpc-java)
	@rm -f $(TOOLS)/stamps/clients-java-* && touch $@

# $(call maven_binary,ARTIFACT,NAME): a program that Maven Central has, as .tools/bin/NAME.
define maven_binary
$(MVN) org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy -Dartifact=$(1):exe:$(PLATFORM) -DoutputDirectory=$(TOOLS)/bin -Dmdep.stripVersion=true
mv $(TOOLS)/bin/$(2)-$(PLATFORM).exe $(TOOLS)/bin/$(2)
chmod +x $(TOOLS)/bin/$(2)
endef
