# A menu: one line per target. `make` prints it.
SHARED ?= ../shared
CARGO ?= cargo
# `make test PROFILE=release`: optimised; it takes minutes longer to build. CI takes PROFILE=ci, between the two.
PROFILE ?= dev
# The command. CI names the one that its tests have built: alone, cargo would build it again with other features.
DRYDOCK ?= $(CARGO) run --profile $(PROFILE) --quiet --
export PROFILE

.PHONY: menu demo check fmt lint test explore bench counts serve crds schemas docs snapshots corpus golden kubectl kubectl-record manifests manifests-record kube-rs conformance differ-faults python recordings determinism ci

menu: ## this menu
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16
demo: ## build, and replay the bundled failover, narrated
	@$(DRYDOCK) run scenarios/failover/redis-primary-node-lost
check: ## compile everything, quickly
	@$(CARGO) check --workspace --all-targets
fmt: ## is everything formatted?
	@$(CARGO) fmt --all -- --check
lint: ## clippy, warnings are errors
	@$(CARGO) clippy --workspace --all-targets -- -D warnings
test: ## all tests
	@$(CARGO) test --profile $(PROFILE) --workspace
explore: ## every crash point of the bundled failover (PROFILE=release: in seconds)
	@$(DRYDOCK) explore scenarios/failover/redis-primary-node-lost --crash-points
bench: ## criterion benches
	@$(CARGO) bench --workspace
counts: ## reconciles and requests per bundled scenario, held against benches/counts.json
	@$(DRYDOCK) bench counts --baseline benches/counts.json
serve: ## a living world for kubectl on loopback
	@$(DRYDOCK) serve
crds: ## write the CRDs that the Rust types make
	@$(CARGO) run --profile $(PROFILE) --quiet -p drydock-operator-api --example crds
schemas: ## make the tables of builtin kinds again, from published OpenAPI documents
	@python3 simulator/apiserver/tables/generate.py 1.20 1.24 1.34
docs: ## rustdoc
	@$(CARGO) doc --workspace --no-deps
snapshots: ## accept changed snapshots after reading them
	@INSTA_UPDATE=always $(CARGO) test --profile $(PROFILE) --workspace
corpus: ## real charts of ../shared/data through `drydock try`
	@.ci/corpus $(SHARED)
golden: ## weaviate and qdrant against the recorded work of the upstream operator
	@.ci/golden $(SHARED)
kubectl: ## every kubectl of 1.27 to 1.33 that is found, on drydock serve
	@KUBECTL_ALL=1 $(CARGO) test --profile $(PROFILE) --test kubectl -- --nocapture
kubectl-record: ## write down again what every kubectl prints on the oracle (SHARED/oracle, running)
	@KUBECTL_RECORD=$$($(SHARED)/oracle/oracle kubeconfig) $(CARGO) test --profile $(PROFILE) --test kubectl -- --nocapture
manifests-record: ## write down again what kubectl prints of definitions and addons on the oracle (SHARED/oracle, running)
	@MANIFESTS_RECORD=$$($(SHARED)/oracle/oracle kubeconfig) $(CARGO) test --profile $(PROFILE) --test kubectl manifests -- --nocapture
manifests: ## the sets of definitions and the manifests of addons in SHARED/data, through kubectl, on drydock serve
	@$(CARGO) test --profile $(PROFILE) --test kubectl manifests -- --nocapture
kube-rs: ## the cluster tests of the kube-rs crates on drydock serve (AGAINST: a kubeconfig to compare with)
	@.ci/kube-rs $(AGAINST)
conformance: ## the Kubernetes project's own tests on drydock serve (where SHARED/oracle has built them)
	@.ci/conformance $(SHARED)
differ-faults: ## thirty faults planted in our server, each found by `drydock differ` (DRYDOCK_DIFFER_AGAINST, DRYDOCK_DIFFER_OURS: two kubeconfigs)
	@$(CARGO) test --profile $(PROFILE) --bin drydock every_planted_fault -- --nocapture
recordings: ## recorded conversations with real API servers, replayed against `serve`
	@.ci/recordings $(SHARED)
python: ## the Python client on drydock serve (where it can be installed)
	@.ci/python
determinism: ## ten seeds, debug and optimised builds, the same traces
	@.ci/determinism
ci: ## what CI runs
	@.ci/run
