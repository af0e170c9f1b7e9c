#!/usr/bin/env bash
# Write requirements/*.txt anew. Needs pip-tools; run with Python 3.11.
set -euo pipefail
cd "$(dirname "$0")/.."
compile() {
    python -m piptools compile --quiet --generate-hashes --strip-extras --allow-unsafe \
        --no-emit-index-url --no-emit-find-links --no-emit-options --no-header --no-annotate \
        --output-file "$@"
}
compile requirements/demo.txt pyproject.toml requirements/build.in
compile requirements/test.txt pyproject.toml requirements/build.in requirements/test.in
for lock in requirements/demo.txt requirements/test.txt; do
    python scripts/without_gpu.py "$lock"
done
