#!/bin/sh
# Make .venv from requirements.lock (hash-pinned). Needs python3 >= 3.11 and the package registry; no root, no key, HOME may be empty.
set -eu
cd "$(dirname "$0")"
PYTHON=${PYTHON:-python3}
"$PYTHON" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 14))' || {
    echo "需要 Python 3.11-3.13 / Python 3.11 to 3.13 is needed, found: $("$PYTHON" --version 2>&1)" >&2; exit 2; }
want=$(cat requirements.lock pyproject.toml | "$PYTHON" -c 'import hashlib,sys; print(hashlib.sha256(sys.stdin.buffer.read()).hexdigest())')
if [ -f .venv/stamp ] && [ "$(cat .venv/stamp)" = "$want" ]; then exit 0; fi
echo "建立运行环境（首次约一分钟）/ making the environment" >&2
[ -x .venv/bin/python ] || "$PYTHON" -m venv .venv
UV=$(command -v uv || true)
if [ -z "$UV" ]; then
    .venv/bin/python -m pip install --quiet --disable-pip-version-check uv >/dev/null 2>&1 && UV=.venv/bin/uv || UV=
fi
if [ -n "$UV" ]; then
    "$UV" pip install --quiet --python .venv/bin/python --no-deps --require-hashes -r requirements.lock
else
    .venv/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r requirements.lock
fi
# The project itself: its folders are on the path of this environment, and its command beside python.
.venv/bin/python - <<'PY'
import pathlib, sysconfig
root = pathlib.Path.cwd()
(pathlib.Path(sysconfig.get_path("purelib")) / "fengsui.pth").write_text(f"{root}\n", encoding="utf-8")
command = root / ".venv" / "bin" / "fengsui"
command.write_text(f"#!{root}/.venv/bin/python\nimport sys\nfrom console.cli import main\nsys.exit(main())\n", encoding="utf-8")
command.chmod(0o755)
PY
echo "$want" > .venv/stamp
