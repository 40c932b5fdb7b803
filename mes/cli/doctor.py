"""`mes doctor`: every check, each with its remedy."""

from __future__ import annotations

from typing import Annotated

import typer


def add_to(app: typer.Typer) -> None:
    """Add this command."""
    app.command()(doctor)


def doctor(
    as_json: Annotated[bool, typer.Option("--json", help="As a JSON list.")] = False,
) -> None:
    """Say of each part that it is ok, or what to do. Exit 1 when something is wrong."""
    import json
    from dataclasses import asdict

    from mes.host.doctor import all_well, examine
    from mes.settings import load_settings

    findings = examine(load_settings())
    if as_json:
        print(json.dumps([asdict(finding) for finding in findings], ensure_ascii=False, indent=2))
    else:
        for finding in findings:
            word = "ok" if finding.ok else "WRONG" if finding.needed else "missing"
            print(f"{finding.name:10} {word:8} {finding.says}" + (f". {finding.remedy}" if finding.remedy else ""))
    if not all_well(findings):
        raise typer.Exit(1)
