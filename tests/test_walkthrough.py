"""A planner's round, as docs/walkthrough.md tells it: one session, from the first command to the last.

How a page says what becomes of its blocks stands in `tests.pages`. Ids and times are new in every run, so
they are compared by their form alone.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import urllib.error
import urllib.request

import pytest

from tests.conftest import ROOT, Serve
from tests.needs import need
from tests.pages import House, Session, blocks, built, output_of, pairs, plain

PAGE = ROOT / "docs/walkthrough.md"
BLOCKS = blocks(PAGE.read_text("utf-8"))


@pytest.fixture(scope="module")
def house(serve_writable: Serve, tmp_path_factory: pytest.TempPathFactory) -> House:
    project, environment = built(tmp_path_factory.mktemp("walkthrough"))
    return House(project, serve_writable(project, project / ".kymgraph"), environment)


def test_the_round_goes_as_the_page_tells_it(house: House) -> None:
    need("curl", shutil.which("curl"), "the page sends its requests with curl")
    session = Session(house.project, house)

    for block, then in pairs(BLOCKS):
        if block.does == "file":
            session.write(block)
        elif block.does == "run":
            done = session.run(block)

            numbers = then is not None and then.marker == "output numbers"
            printed, shown = (settled(text) for text in (session.shown(done.stdout), output_of(then)))
            assert plain(printed, numbers) == plain(shown, numbers), block.text
            assert done.returncode == block.status, block.text


def test_every_block_of_the_page_is_run_or_says_why_not() -> None:
    left = [block.text for block in BLOCKS if block.does not in ("file", "run", "output", "not")]

    assert sum(block.does == "run" for block in BLOCKS) > 15
    assert left == []


def test_over_http_too_mistakes_come_back_by_cell(house: House) -> None:
    head = "id [Project];nimi (fi);alku;loppu;on tilassa;koskee aluetta"
    asked = "lang=fi&graph=esimerkkihankkeet&reason=Kokeilu"
    command = ["kymgraph", "token", "create", "--role", "editor", "--name", "Kokeilu"]
    made = subprocess.run(
        command, cwd=house.project, env=house.environment, capture_output=True, text=True, check=True
    )
    token = made.stdout.strip()

    def refusal(row: str) -> dict[str, object]:
        request = urllib.request.Request(
            f"{house.url}/changes?{asked}",
            f"{head}\n{row}\n".encode(),
            {"authorization": f"Bearer {token}", "content-type": "text/csv"},
        )
        with pytest.raises(urllib.error.HTTPError) as refused:
            urllib.request.urlopen(request, timeout=60)
        assert refused.value.code == 422
        problem = json.load(refused.value)
        assert isinstance(problem, dict)
        return problem

    unread = refusal(";Ranta;31.4.2027;;suunniteltu;Kouvvola")
    unfit = refusal(";Ranta;4/2027;5/2028;suunniteltu;Kouvola")

    assert unread["code"] == "sheet-refused"
    faults = unread["faults"]
    assert isinstance(faults, list)
    places = [(fault["row"], fault["column"], fault["code"]) for fault in faults]
    assert places == [(2, "C", "date-impossible"), (2, "F", "link-unknown")]
    assert str(unread["detail"]).splitlines()[:2] == [
        "Taulukkoa ei otettu vastaan eikä mitään tallennettu. Virheitä: 2.",
        "solu C2 (alku): ”31.4.2027”",
    ]
    assert (unfit["code"], unfit["detail"]) == (
        "gate-rejected", "mitään ei tallennettu, koska muutos ei noudata sääntöjä"
    )  # fmt: skip
    report = unfit["report"]
    assert isinstance(report, dict)
    assert [result["source"]["file"] for result in report["results"]] == ["solu D2 (loppu)"]


def test_a_refusal_and_a_check_that_changes_nothing_speak_swedish(house: House) -> None:
    rows = {
        "fel.csv": "id [Project];namn (fi);slut;status\n;Strand;5/2028;planerad\n",
        "lika.csv": "id [Project];status\ntahtitaajamat;reported-done\n",
    }
    for name, text in rows.items():
        (house.project / name).write_text(text, "utf-8")

    def run(*args: str) -> list[str]:
        done = subprocess.run(
            ["kymgraph", *args, "--lang", "sv"],
            cwd=house.project, env=house.environment, capture_output=True, text=True, check=False,
        )  # fmt: skip
        return done.stderr.splitlines()

    refused = run("apply", "fel.csv", "--graph", "esimerkkihankkeet", "--reason", "Prov")
    looked_at = run("check", "fel.csv", "--graph", "esimerkkihankkeet")
    alike = run("check", "lika.csv", "--graph", "kouvolan-seudun-koko")

    assert refused[:2] == [
        "kymgraph: inget sparades, eftersom ändringen inte följer reglerna",
        "FEL  Strand (id:project/strand)  fel.csv: cell C2 (slut)",
    ]
    assert looked_at[0] == refused[1]
    assert looked_at[-1] == "Inget sparades. Ändringen godkänns inte förrän felen har rättats."
    assert [line.partition(" (version")[0] for line in alike] == [
        "Inget sparades: allt detta finns redan i grafen"
    ]


def settled(text: str) -> str:
    """The text without what is new in every run: times, ids of tokens, agents without a name.

    >>> settled("    2  2026-11-22 05:15:21  +169 −0      kxguouo3xvs2  Hankkeet")
    '    2  TIME  +169 −0      AGENT  Hankkeet'
    """
    text = re.sub(r"\b\d{4}-\d\d-\d\d[ T]\d\d:\d\d(:\d\d(\.\d+)?)?( UTC|Z)?", "TIME", text)
    text = re.sub(r"\btoken [a-z2-7]{8}\b", "token ID", text)
    return re.sub(r"(?<=  )[a-z2-7]{12}(?=  )|(?<=hyväksyjä )[a-z2-7]{12}", "AGENT", text)
