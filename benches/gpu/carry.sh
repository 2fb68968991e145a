#!/usr/bin/env bash
# Collect what a bare CUDA machine with torch and transformers still lacks into .whl/ (ignored by git): this package as
# a wheel, and its pure-Python requirements, all for Python 3.12. Prints the command that installs and measures there.
#
#   benches/gpu/carry.sh [REHEARSAL_PYTHON]   with a Python that holds torch, also installs the wheels into an empty
#                                             folder and rehearses on them
set -euo pipefail
cd "$(dirname "$0")/../.."

requirements=(tyro docstring-parser typeguard typing-extensions rich markdown-it-py mdurl pygments jaxtyping wadler-lindig
    pydantic pydantic-core typing-inspection annotated-types)
limit_mib=60

rm -rf .whl
mkdir .whl
# The extension uses the stable ABI, so the Python that builds it need not be the one that loads it.
if command -v uv >/dev/null; then
    uv build --wheel --out-dir .whl
else
    maturin build --release --out .whl
fi
rm -f .whl/.gitignore

pip=(python3 -m pip)
platforms=()
for tag in manylinux_2_28 manylinux_2_27 manylinux_2_17 manylinux2014 manylinux1; do
    platforms+=(--platform "${tag}_x86_64")
done
pinned=()
for name in "${requirements[@]}"; do
    version=$(sed -n "s/^ *\"$name==\([^\"]*\)\".*/\1/p" pyproject.toml)
    pinned+=("$name${version:+==$version}")
done
"${pip[@]}" download --quiet --no-deps --only-binary=:all: --python-version 3.12 --implementation cp \
    "${platforms[@]}" -d .whl "${pinned[@]}"

size=$(du -sm .whl | cut -f1)
ls -l .whl
echo "carried: $size MiB"
((size < limit_mib)) || { echo "more than $limit_mib MiB" >&2; exit 1; }

install='python3 -m pip install -q --no-index --no-deps --no-compile --no-cache-dir --upgrade --target SITE .whl/*.whl'
if (($#)); then
    site=$(mktemp -d)
    trap 'rm -rf "$site"' EXIT
    # pip checks the wheels against the Python that it runs under.
    ${install//SITE/$site} --python-version 3.12 --only-binary=:all:
    PYTHONPATH=$site "$1" benches/gpu/measure.py --rehearse --out "$site/out"
fi

cat <<END

on the machine, in this folder, with .whl beside it:

set -o pipefail; ${install//SITE//tmp/site} || exit; export PYTHONPATH=/tmp/site PYTHONUNBUFFERED=1 HF_HUB_OFFLINE=1; python3 benches/gpu/measure.py --out "\$OUT" 2>&1 | tee "\$OUT/log.txt"
END
