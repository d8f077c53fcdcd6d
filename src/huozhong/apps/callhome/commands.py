"""`huozhong call who "..." --contacts contacts.json`: whom a sentence, or a recording, asks to call."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer


def register(app: typer.Typer) -> None:
    """Add `call` to the terminal's command."""
    call = typer.Typer(help="老人电话：听懂要打给谁 / the elders' phone: whom to call", no_args_is_help=True)
    call.command("who", help="一句话或一段录音 → 打给谁 / a sentence or a recording -> whom to call")(who_command)
    app.add_typer(call, name="call")


def who_command(
    said: Annotated[str, typer.Argument(help="一句话；- 从标准输入读，一行一句 / a sentence; - reads lines")] = "",
    contacts: Annotated[Path, typer.Option(help="联系人（JSON） / contacts (JSON)")] = Path("contacts.json"),
    dialect: Annotated[str, typer.Option(help="哪里话，例如 广州；不写：不知道 / which dialect")] = "",
    sound: Annotated[Path | None, typer.Option(help="录音文件，用识别模型听 / a recording, for a recogniser")] = None,
    ears: Annotated[str, typer.Option(help="识别模型：sensevoice、dolphin、firered / which recogniser")] = "sensevoice",
    model: Annotated[Path | None, typer.Option(help="识别模型的文件夹 / the recogniser's folder")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="输出 JSON / as JSON")] = False,
) -> None:
    import sys

    from huozhong.apps.callhome.contacts import read_contacts
    from huozhong.apps.callhome.resolve import who
    from huozhong.apps.callhome.words import sentence
    from huozhong.cli.words import language
    from huozhong.errors import ConfigError
    from huozhong.senses.recognise import recogniser
    from huozhong.senses.sound import read_sound

    try:
        people = read_contacts(json.loads(contacts.read_text(encoding="utf-8-sig")))
        data = None if sound is None else sound.read_bytes()
    except OSError as error:
        raise ConfigError(f"{error.filename} cannot be read: {error.strerror}.").in_chinese(
            f"读不了 {error.filename}：{error.strerror}。"
        ) from None
    except ValueError as error:
        raise ConfigError(f"{contacts} is not JSON: {error}.").in_chinese(f"{contacts} 不是 JSON：{error}。") from None
    if data is not None:
        lines = [recogniser(ears, model)(read_sound(data, 60))]
    elif said == "-":
        lines = [line.strip() for line in sys.stdin if line.strip()]
    elif said:
        lines = [said]
    else:
        raise ConfigError("Say whom to call, or give --sound.").in_chinese("请写一句话，或者用 --sound 给录音。")
    for line in lines:
        answer = who(line, people, dialect)
        if as_json:
            typer.echo(json.dumps({"said": line, **answer.as_json()}, ensure_ascii=False))
        else:
            typer.echo(sentence(answer, language()))
