# Two commands are enough: make run, make test. Both make their own environment.
.DEFAULT_GOAL := help
BIN := .venv/bin

.PHONY: help env run up down test check lint types imports lock clean

help: ## 列出命令 / list the commands
	@grep -E '^[a-z]+:.*## ' Makefile | sed -E 's/:[^#]*## /\t/' | awk -F'\t' '{printf "  make %-8s %s\n", $$1, $$2}'

env: ## 建立运行环境 / make the environment
	@./bootstrap.sh

run: env ## 一场台风走完全程：采集、研判、签发、送达、凭证 / one recorded storm all the way through
	@$(BIN)/python -m console.demo run

up: env ## 同上并保持运行，可在浏览器里看 / the same, left running with Airflow's UI
	@$(BIN)/python -m console.demo up

down: env ## 停止 make up 启动的一切 / end what make up started
	@$(BIN)/python -m console.demo down

test: env ## 运行测试 / run the tests
	@$(BIN)/python -m pytest -q -n 3 --durations=3

check: env lint types imports test ## 全部检查 / all checks
	@$(BIN)/fengsui county check
	@$(BIN)/fengsui rules test

lint: ## 风格检查 / ruff
	@$(BIN)/ruff check .

types: ## 类型检查 / mypy
	@$(BIN)/mypy

imports: ## 导入方向检查 / import-linter
	@$(BIN)/lint-imports

lock: ## 重新锁定依赖 / lock the dependencies again
	uv pip compile pyproject.toml --all-extras --universal --generate-hashes --python-version 3.11 --no-annotate --custom-compile-command "make lock" -o requirements.lock

clean: ## 删除运行产物 / remove what runs leave behind
	rm -rf .run .fengsui .pytest_cache .mypy_cache .ruff_cache .hypothesis
