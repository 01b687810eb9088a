#!/bin/sh
# Builds the clients of other languages that this machine can build, into the folder given
# (default: test/conformance/.clients). What cannot be built is skipped by the suite, and named.
here=$(cd "$(dirname "$0")" && pwd)
to=${1:-$here/../.clients}
mkdir -p "$to" && to=$(cd "$to" && pwd)
have() { command -v "$1" >/dev/null 2>&1 || { echo "skipped: $1 is not here" >&2; return 1; }; }

have python3 && python3 -m venv "$to/python" && "$to/python/bin/pip" -q install -r "$here/python/requirements.txt"
have go && rm -rf "$to/go-source" && cp -r "$here/go" "$to/go-source" && (cd "$to/go-source" && go mod tidy && go build -o "$to/go-client" .)
have mvn && have java && mvn -q -f "$here/java/pom.xml" dependency:copy-dependencies "-DoutputDirectory=$to/java"
have cargo && cargo build -q --release --manifest-path "$here/rust/Cargo.toml" --target-dir "$to/rust" && cp "$to/rust/release/conformance" "$to/rust-client"
exit 0
