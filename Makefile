# `make check` is what CI runs. It needs Go, bash, GNU make and, for the race detector, a C compiler; git is only read.
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.NOTPARALLEL:

PLATFORMS := linux/amd64 linux/arm64 windows/amd64 windows/arm64
# With the commit in it, whatever GOFLAGS say.
RELEASE   := CGO_ENABLED=0 go build -buildvcs=auto -trimpath -ldflags "-s -w -buildid="
FUZZTIME  ?= 10s

.PHONY: build man check fmt vet staticcheck test race wine systemd cross reproducible fuzz bench clean

# The binary of this machine.
build:
	$(RELEASE) -o . .

# The manual's pages, made of the commands' help and the config's table of keys.
man: build
	./tillpost man dist/man

check: fmt vet staticcheck race cross reproducible
	@# By count, not by time: up to Go 1.26 a target may fail when its time is up (golang/go#75804).
	$(MAKE) --no-print-directory fuzz FUZZTIME=3000x

fmt:
	@files=$$(gofmt -l .); if [ -n "$$files" ]; then echo "gofmt would change:"; echo "$$files"; exit 1; fi

vet:
	@for p in $(PLATFORMS); do \
		echo "go vet $$p"; \
		CGO_ENABLED=0 GOOS=$${p%/*} GOARCH=$${p#*/} go vet ./...; \
	done

# The tool is of this machine, whatever platform it looks at.
staticcheck:
	@tool=$$(go tool -n staticcheck); \
	for os in linux windows; do \
		echo "staticcheck $$os"; \
		CGO_ENABLED=0 GOOS=$$os "$$tool" ./...; \
	done

test:
	go test ./...

race:
	CGO_ENABLED=1 go test -race -shuffle=on -timeout 30m ./...

# Tests of packages as Windows programs, under Wine; it needs root and debootstrap.
wine:
	packaging/wine.sh inventory config api export

# The steps of docs/install-linux.md in a real systemd; it needs root and debootstrap. The unit's score, in tenths, must stay low.
systemd:
	systemd-analyze security --offline=true --threshold=15 --no-pager installer/tillpost.service | tail -1
	packaging/systemd.sh

# dist/tillpost-OS-ARCH of every platform, static.
cross:
	@for p in $(PLATFORMS); do \
		os=$${p%/*} arch=$${p#*/} out=dist/tillpost-$${p/\//-}; \
		if [ $$os = windows ]; then out+=.exe; fi; \
		echo "build $$out"; \
		GOOS=$$os GOARCH=$$arch $(RELEASE) -o $$out .; \
	done

# The same bytes from another folder and an empty cache.
reproducible:
	@tmp=$$(mktemp -d); trap 'rm -rf "$$tmp"' EXIT; \
	cp -R . "$$tmp/one"; cp -R "$$tmp/one" "$$tmp/the other"; mkdir "$$tmp/cache"; \
	for os in linux windows; do \
		echo "build $$os/amd64 twice"; \
		(cd "$$tmp/one" && GOOS=$$os GOARCH=amd64 $(RELEASE) -o "$$tmp/$$os.one" .); \
		(cd "$$tmp/the other" && GOCACHE=$$tmp/cache GOOS=$$os GOARCH=amd64 $(RELEASE) -o "$$tmp/$$os.other" .); \
		cmp "$$tmp/$$os.one" "$$tmp/$$os.other"; \
	done

# Each fuzz target for FUZZTIME: a time such as 10s, or a number of inputs such as 3000x.
fuzz:
	@for p in $$(go list ./...); do \
		list=$$(go test -list '^Fuzz' $$p); \
		for f in $$(grep '^Fuzz' <<<"$$list" || true); do \
			echo "$$p $$f"; \
			go test -run '^$$' -fuzz "^$$f\$$" -fuzztime $(FUZZTIME) $$p; \
		done; \
	done

bench:
	go test -run '^$$' -bench . -benchmem ./...

clean:
	rm -rf dist tillpost tillpost.exe
