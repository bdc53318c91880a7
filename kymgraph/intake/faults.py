"""What is wrong with a spreadsheet, said to the person who filled it in: where, what, and how to mend it.

Every sentence a planner can be shown because of a cell stands here, in Finnish, Swedish and English, under a
code that is part of the API. Nothing here reads a file; `Faults` only collects.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

#: Most faults that one refusal lists; `Faults.count` says how many there were.
LIMIT: Final = 1000
#: So many of them stand in the text of the refusal itself, for those who read nothing else.
LISTED: Final = 20
#: Most characters of a cell that a fault repeats.
SHOWN: Final = 80


class Text(NamedTuple):
    """One sentence or name in the three languages."""

    fi: str
    sv: str
    en: str

    def text(self, lang: str) -> str:
        """The text in `lang`; where that is empty or unknown, in fi, sv or en.

        >>> Text("nimi", "namn", "name").text("sv")
        'namn'
        """
        wanted = {"fi": self.fi, "sv": self.sv, "en": self.en}.get(lang)
        return wanted or self.fi or self.sv or self.en

    def filled(self, **values: object) -> Text:
        """The text with `{name}` replaced; a value that is a Text itself gives each language its own."""
        return Text(
            *(
                part.format(**{k: v.text(lang) if isinstance(v, Text) else v for k, v in values.items()})
                for lang, part in zip(("fi", "sv", "en"), self, strict=True)
            )
        )

    @classmethod
    def same(cls, text: str) -> Text:
        return cls(text, text, text)


class CellError(Exception):
    """One value that cannot be read; becomes a `Fault` when it is known where it stands."""

    def __init__(self, code: str, **values: object) -> None:
        self.code = code
        self.message, self.mend = (part.filled(**values) for part in MESSAGES[code])
        super().__init__(f"{self.message.en} {self.mend.en}")


@dataclass(frozen=True, slots=True)
class Cell:
    """A place in a spreadsheet. `row` counts from 1 as spreadsheets do; 0 is the sheet as a whole."""

    sheet: str
    row: int = 0
    column: str = ""  #: letter; "" is the row as a whole
    header: str = ""

    def text(self, lang: str = "en") -> str:
        """Where it is, in words: cells are called as spreadsheets call them, columns by their plain name.

        >>> Cell("hanke", 5, "D", "alku * [startedOn]").text("fi")
        'hanke, solu D5 (alku)'
        """
        words = {"fi": ("solu", "rivi", "sarake"), "sv": ("cell", "rad", "kolumn")}
        cell, row, column = words.get(lang, ("cell", "row", "column"))
        parts = [self.sheet] if self.sheet else []
        if self.row and self.column:
            parts.append(f"{cell} {self.column}{self.row}")
        elif self.row or self.column:
            parts.append(f"{row} {self.row}" if self.row else f"{column} {self.column}")
        name = self.header.partition(" [")[0].rstrip("* ")
        return ", ".join(parts) + (f" ({name})" if name else "")


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing to mend: where it is, what stands there, what is wrong, what to do."""

    code: str
    cell: Cell
    value: str
    message: Text
    mend: Text

    def text(self, lang: str = "en") -> str:
        """The fault in one or two lines."""
        where = self.cell.text(lang)
        shown = f": ”{self.value}”" if self.value else ""
        first = f"{where}{shown}\n    " if where or shown else ""
        return f"{first}{self.message.text(lang)} {self.mend.text(lang)}".rstrip()

    def to_dict(self) -> dict[str, Any]:
        """The fault as JSON values; texts are objects by language."""
        return {
            "code": self.code,
            "sheet": self.cell.sheet,
            "row": self.cell.row or None,
            "column": self.cell.column or None,
            "header": self.cell.header or None,
            "value": self.value,
            "message": self.message._asdict(),
            "mend": self.mend._asdict(),
        }


@dataclass
class Faults:
    """All that is wrong with one file, the first `LIMIT` of it in full."""

    found: list[Fault] = field(default_factory=list)
    count: int = 0

    def add(self, error: CellError, cell: Cell, value: object = "") -> None:
        self.count += 1
        if len(self.found) < LIMIT:
            self.found.append(Fault(error.code, cell, shown(value), error.message, error.mend))

    def sorted(self) -> tuple[Fault, ...]:
        """The faults in the order in which a person meets them: sheet by sheet, row by row."""
        sheets = list(dict.fromkeys(fault.cell.sheet for fault in self.found))
        return tuple(
            sorted(
                self.found,
                key=lambda f: (sheets.index(f.cell.sheet), f.cell.row, len(f.cell.column), f.cell.column),
            )
        )

    def __bool__(self) -> bool:
        return self.count > 0


def shown(value: object) -> str:
    """A cell's content for a message: one line, not too long, nothing that a terminal would obey.

    >>> shown("a\\x1b[2J\\nb")
    'a�[2J b'
    """
    text = "".join(
        c if c.isprintable() or ord(c) >= 0x10000 else " " if c.isspace() else "\ufffd" for c in str(value)
    )
    text = " ".join(text.split())
    return text if len(text) <= SHOWN else text[: SHOWN - 1] + "…"


_MORE: Final = Text("… ja {more} muuta virhettä.", "… och {more} fel till.", "… and {more} more faults.")
_SUM: Final = Text(
    "Taulukkoa ei otettu vastaan eikä mitään tallennettu. Virheitä: {count}.",
    "Tabellen togs inte emot och inget sparades. Antal fel: {count}.",
    "The spreadsheet was refused and nothing was written. Faults: {count}.",
)
MEND_ALL: Final = Text(
    "Korjaa solut ja lähetä tiedosto uudelleen.",
    "Rätta cellerna och skicka filen på nytt.",
    "Mend the cells and send the file again.",
)


def to_text(faults: Iterable[object], lang: str) -> str:
    """The faults of a `SheetRefused` for people, one paragraph each."""
    return "\n".join(fault.text(lang) for fault in faults if isinstance(fault, Fault))


def refusal(faults: Faults, lang: str) -> str:
    """What became of a refused spreadsheet, and the first `LISTED` of its faults."""
    lines = [_SUM.filled(count=faults.count).text(lang), to_text(faults.sorted()[:LISTED], lang)]
    if faults.count > LISTED:
        lines.append(_MORE.filled(more=faults.count - LISTED).text(lang))
    return "\n".join(lines)


_XLSX_OR_CSV: Final = Text(
    "Tallenna taulukko Excel-työkirjana (.xlsx) tai muodossa CSV UTF-8 (.csv).",
    "Spara tabellen som Excel-arbetsbok (.xlsx) eller CSV UTF-8 (.csv).",
    "Save the spreadsheet as an Excel workbook (.xlsx) or CSV UTF-8 (.csv).",
)
_SPLIT: Final = Text(
    "Jaa se useaan tiedostoon.", "Dela upp den på flera filer.", "Split it into several files."
)
_SAVE_AGAIN: Final = Text(
    "Avaa tiedosto Excelissä tai LibreOfficessa ja tallenna se uudelleen.",
    "Öppna filen i Excel eller LibreOffice och spara den på nytt.",
    "Open the file in Excel or LibreOffice and save it again.",
)
_CHOOSE_OTHER: Final = Text(
    "Tarkista kirjoitusasu tai käytä tunnusta.{near}",
    "Kontrollera stavningen eller använd identifieraren.{near}",
    "Check the spelling, or use the id.{near}",
)
_DATE_FORMS: Final = Text("Kirjoita {forms}.", "Skriv {forms}.", "Write {forms}.")

#: What is wrong and how to mend it, by code.
MESSAGES: Final[dict[str, tuple[Text, Text]]] = {
    # -- the file
    "file-empty": (
        Text("Tiedosto on tyhjä.", "Filen är tom.", "The file is empty."),
        Text(
            "Tee pohja komennolla kymgraph template LUOKKA ja täytä se.",
            "Gör en mall med kommandot kymgraph template KLASS och fyll i den.",
            "Make a template with kymgraph template CLASS and fill it in.",
        ),
    ),
    "file-kind": (
        Text(
            "Tiedostoa ei voi lukea taulukkona ({found}).",
            "Filen kan inte läsas som tabell ({found}).",
            "The file cannot be read as a spreadsheet ({found}).",
        ),
        _XLSX_OR_CSV,
    ),
    "file-suffix": (
        Text(
            "Tiedoston pääte on {suffix}, mutta sisältö on muotoa {found}.",
            "Filens ändelse är {suffix}, men innehållet är {found}.",
            "The file is called {suffix}, but its content is {found}.",
        ),
        Text(
            "Vaihda tiedostolle oikea pääte tai tallenna taulukko uudelleen.",
            "Byt till rätt ändelse eller spara tabellen på nytt.",
            "Give it the right suffix, or save the spreadsheet again.",
        ),
    ),
    "file-encrypted": (
        Text(
            "Työkirja on suojattu salasanalla.",
            "Arbetsboken är skyddad med lösenord.",
            "The workbook is protected by a password.",
        ),
        Text(
            "Poista salasana ja tallenna työkirja uudelleen.",
            "Ta bort lösenordet och spara arbetsboken på nytt.",
            "Remove the password and save the workbook again.",
        ),
    ),
    "file-macros": (
        Text("Työkirjassa on makroja.", "Arbetsboken innehåller makron.", "The workbook holds macros."),
        Text(
            "Tallenna se ilman makroja Excel-työkirjana (.xlsx).",
            "Spara den utan makron som Excel-arbetsbok (.xlsx).",
            "Save it without macros as an Excel workbook (.xlsx).",
        ),
    ),
    "file-broken": (
        Text(
            "Tiedosto on vioittunut, eikä sitä voi lukea ({detail}).",
            "Filen är skadad och kan inte läsas ({detail}).",
            "The file is damaged and cannot be read ({detail}).",
        ),
        _SAVE_AGAIN,
    ),
    "file-too-large": (
        Text(
            "Tiedosto on liian suuri: siinä on yli {limit} {what}.",
            "Filen är för stor: den har över {limit} {what}.",
            "The file is too large: it has more than {limit} {what}.",
        ),
        _SPLIT,
    ),
    "file-too-slow": (
        Text(
            "Tiedoston lukeminen vei liikaa aikaa tai muistia, joten se keskeytettiin.",
            "Filen krävde för mycket tid eller minne att läsa, så läsningen avbröts.",
            "Reading the file took too much time or memory and was stopped.",
        ),
        _SPLIT,
    ),
    "file-encoding": (
        Text(
            "Tiedoston merkistöä ei voi päätellä varmasti: ä ja ö voisivat muuttua toisiksi merkeiksi.",
            "Filens teckenkodning kan inte avgöras med säkerhet: å, ä och ö kan bli andra tecken.",
            "The encoding of the file cannot be told for certain: ä and ö may be misread.",
        ),
        Text(
            "Tallenna tiedosto muodossa CSV UTF-8 tai Excel-työkirjana (.xlsx).",
            "Spara filen som CSV UTF-8 eller Excel-arbetsbok (.xlsx).",
            "Save the file as CSV UTF-8 or as an Excel workbook (.xlsx).",
        ),
    ),
    # -- the sheet
    "sheet-class": (
        Text(
            "Taulukosta ei käy ilmi, mitä luokkaa sen rivit ovat.",
            "Av tabellen framgår inte vilken klass raderna hör till.",
            "The sheet does not say of which class its rows are.",
        ),
        Text(
            "Kirjoita soluun A1 id ja luokka hakasulkeisiin, esimerkiksi id [{example}]. "
            "Jos taulukkoa ei ole tarkoitus lukea, aloita solu A1 merkillä #.",
            "Skriv id och klassen inom hakparentes i cell A1, till exempel id [{example}]. "
            "Om tabellen inte ska läsas, börja cell A1 med #.",
            "Write id and the class in brackets in cell A1, for example id [{example}]. "
            "If the sheet is not meant to be read, begin cell A1 with #.",
        ),
    ),
    "sheet-class-unknown": (
        Text("Luokkaa {name} ei ole.", "Klassen {name} finns inte.", "There is no class {name}."),
        Text(
            "Katso luokat komennolla kymgraph template --list.{near}",
            "Se klasserna med kommandot kymgraph template --list.{near}",
            "See the classes with kymgraph template --list.{near}",
        ),
    ),
    "sheet-merged": (
        Text(
            "Solut {range} on yhdistetty.",
            "Cellerna {range} är sammanfogade.",
            "The cells {range} are merged.",
        ),
        Text(
            "Pura solujen yhdistäminen ja kirjoita arvo jokaiseen soluun.",
            "Dela upp dem och skriv värdet i varje cell.",
            "Unmerge them and write the value into each cell.",
        ),
    ),
    "header-empty": (
        Text(
            "Sarakkeessa on arvoja, mutta otsikko puuttuu.",
            "Kolumnen har värden men ingen rubrik.",
            "The column holds values but has no header.",
        ),
        Text(
            "Kirjoita otsikko ensimmäiselle riville tai tyhjennä sarake.",
            "Skriv rubriken på första raden eller töm kolumnen.",
            "Write a header in the first row, or clear the column.",
        ),
    ),
    "header-unknown": (
        Text(
            "Luokalla {cls} ei ole tällaista saraketta.",
            "Klassen {cls} har ingen sådan kolumn.",
            "The class {cls} has no such column.",
        ),
        Text(
            "Käytä pohjan otsikoita tai poista sarake.{near}",
            "Använd mallens rubriker eller ta bort kolumnen.{near}",
            "Use the headers of the template, or delete the column.{near}",
        ),
    ),
    "header-ambiguous": (
        Text(
            "Otsikko voi tarkoittaa useaa saraketta: {choices}.",
            "Rubriken kan avse flera kolumner: {choices}.",
            "The header can mean several columns: {choices}.",
        ),
        Text(
            "Kirjoita otsikkoon myös lyhyt nimi hakasulkeisiin.",
            "Skriv också kortnamnet inom hakparentes i rubriken.",
            "Add the short name in brackets to the header.",
        ),
    ),
    "header-twice": (
        Text(
            "Tämä sarake voi olla taulukossa vain kerran.",
            "Den här kolumnen får finnas bara en gång i tabellen.",
            "This column can be in the sheet only once.",
        ),
        Text(
            "Jätä yksi ja poista muut.", "Behåll en och ta bort de andra.", "Keep one and delete the others."
        ),
    ),
    # -- the row
    "id-form": (
        Text(
            "Tunnus ei kelpaa: siinä saa olla vain pieniä kirjaimia a–z, numeroita ja yhdysmerkkejä.",
            "Identifieraren är inte giltig: den får ha bara små bokstäver a–z, siffror och bindestreck.",
            "The id is not valid: it may have small letters a-z, digits and hyphens only.",
        ),
        Text(
            "Kirjoita esimerkiksi {example} tai jätä solu tyhjäksi, jolloin tunnus muodostetaan nimestä.",
            "Skriv till exempel {example} eller lämna cellen tom; då bildas identifieraren av namnet.",
            "Write for example {example}, or leave the cell empty to have the id made from the name.",
        ),
    ),
    "id-from-name": (
        Text(
            "Nimestä ei voi muodostaa tunnusta, koska siinä ei ole kirjaimia a–ö eikä numeroita.",
            "Av namnet kan ingen identifierare bildas, eftersom det saknar bokstäver a–ö och siffror.",
            "No id can be made from the name, as it has no letters a-ö and no digits.",
        ),
        Text(
            "Kirjoita tunnus id-sarakkeeseen.",
            "Skriv en identifierare i kolumnen id.",
            "Write an id into the column id.",
        ),
    ),
    "id-taken": (
        Text(
            "Nimestä tulisi tunnus {slug}, joka on jo toisella kohteella: {label}.",
            "Namnet skulle ge identifieraren {slug}, som ett annat objekt redan har: {label}.",
            "The name would give the id {slug}, which another one has: {label}.",
        ),
        Text(
            "Jos tarkoitat samaa, kirjoita id-sarakkeeseen {slug}; muuten kirjoita siihen uusi tunnus.",
            "Om du avser samma sak, skriv {slug} i kolumnen id; annars skriv en ny identifierare.",
            "If you mean the same one, write {slug} into the column id; otherwise write a new id.",
        ),
    ),
    "id-same-name": (
        Text(
            "Samanniminen kohde on jo olemassa tunnuksella {slug}.",
            "Ett objekt med samma namn finns redan, med identifieraren {slug}.",
            "One of the same name exists already, with the id {slug}.",
        ),
        Text(
            "Jos tarkoitat samaa, kirjoita id-sarakkeeseen {slug}; muuten kirjoita siihen uusi tunnus.",
            "Om du avser samma sak, skriv {slug} i kolumnen id; annars skriv en ny identifierare.",
            "If you mean the same one, write {slug} into the column id; otherwise write a new id.",
        ),
    ),
    "id-class": (
        Text(
            "Tunnus kuuluu luokkaan {found}, ei luokkaan {cls}.",
            "Identifieraren hör till klassen {found}, inte till klassen {cls}.",
            "The id belongs to the class {found}, not {cls}.",
        ),
        Text(
            "Siirrä rivi oikean luokan taulukkoon tai kirjoita uusi tunnus.",
            "Flytta raden till tabellen för rätt klass eller skriv en ny identifierare.",
            "Move the row to the sheet of its class, or give a new id.",
        ),
    ),
    "id-outside": (
        Text(
            "Tunnus ei kuulu tähän tietämysgraafiin.",
            "Identifieraren hör inte till den här kunskapsgrafen.",
            "The id is not of this knowledge graph.",
        ),
        Text(
            "Kirjoita tunnus, jonka alku on {base}, tai pelkkä tunnuksen loppuosa.",
            "Skriv en identifierare som börjar med {base}, eller bara dess sista del.",
            "Give one that begins with {base}, or its last part alone.",
        ),
    ),
    "id-twice": (
        Text(
            "Sama kohde on jo rivillä {other}.",
            "Samma objekt finns redan på rad {other}.",
            "The same one is already in row {other}.",
        ),
        Text("Yhdistä rivit yhdeksi.", "Slå ihop raderna till en.", "Make one row of them."),
    ),
    "required": (
        Text(
            "Pakollinen tieto puuttuu: {name}.",
            "Obligatorisk uppgift saknas: {name}.",
            "Required and missing: {name}.",
        ),
        Text("{advice}", "{advice}", "{advice}"),
    ),
    "graph-missing": (
        Text(
            "Taulukosta ei käy ilmi, mihin graafiin uudet rivit kuuluvat.",
            "Av tabellen framgår inte vilken graf de nya raderna hör till.",
            "It is not said to which graph new rows go.",
        ),
        Text(
            "Nimeä graafi lähettäessäsi (--graph NIMI, osoitteessa graph=NIMI) tai täytä sarake graafi.",
            "Namnge grafen när du skickar (--graph NAMN, i adressen graph=NAMN) eller fyll i kolumnen graf.",
            "Name the graph (--graph NAME, in the address graph=NAME), or fill in the column graph.",
        ),
    ),
    "graph-many": (
        Text(
            "Kohde on useassa graafissa: {graphs}.",
            "Objektet finns i flera grafer: {graphs}.",
            "It stands in several graphs: {graphs}.",
        ),
        Text(
            "Kirjoita graafi-sarakkeeseen niistä se, jota rivi muuttaa.",
            "Skriv i kolumnen graf vilken av dem raden ändrar.",
            "Write into the column graph which of them the row changes.",
        ),
    ),
    "graph-name": (
        Text(
            "Graafin nimi ei kelpaa.", "Grafens namn är inte giltigt.", "The name of the graph is not valid."
        ),
        Text(
            "Nimessä saa olla kirjaimia a–z, numeroita ja yhdysmerkkejä, esimerkiksi hankkeet-2027.",
            "Namnet får innehålla bokstäver a–z, siffror och bindestreck, till exempel projekt-2027.",
            "A name may have letters a-z, digits and hyphens, for example projects-2027.",
        ),
    ),
    "graph-not-writable": (
        Text(
            "Graafiin {graph} ei voi kirjoittaa taulukosta.",
            "Det går inte att skriva till grafen {graph} från en tabell.",
            "The graph {graph} cannot be written to from a spreadsheet.",
        ),
        Text("Valitse toinen graafi.", "Välj en annan graf.", "Choose another graph."),
    ),
    # -- the cell
    "cell-error": (
        Text(
            "Solussa on laskentavirhe.",
            "Cellen innehåller ett beräkningsfel.",
            "The cell holds a calculation error.",
        ),
        Text(
            "Korjaa kaava tai kirjoita arvo.",
            "Rätta formeln eller skriv värdet.",
            "Mend the formula, or write the value.",
        ),
    ),
    "cell-formula": (
        Text(
            "Solussa on kaava, jonka tulosta ei ole tallennettu.",
            "Cellen innehåller en formel vars resultat inte har sparats.",
            "The cell holds a formula whose result was not saved.",
        ),
        Text(
            "Avaa työkirja Excelissä ja tallenna se, tai kirjoita arvo kaavan tilalle.",
            "Öppna arbetsboken i Excel och spara den, eller skriv värdet i stället för formeln.",
            "Open the workbook in Excel and save it, or write the value in place of the formula.",
        ),
    ),
    "cell-time": (
        Text(
            "Solussa on kellonaika tai kesto ilman päivää.",
            "Cellen innehåller ett klockslag eller en varaktighet utan dag.",
            "The cell holds a time or duration without a day.",
        ),
        Text(
            "Muotoile solu tekstiksi ja kirjoita arvo uudelleen.",
            "Formatera cellen som text och skriv värdet på nytt.",
            "Format the cell as text and type the value again.",
        ),
    ),
    "cell-characters": (
        Text(
            "Solussa on merkkejä, joita ei voi tallentaa, tai rikkoutuneita kirjaimia.",
            "Cellen innehåller tecken som inte kan sparas, eller bokstäver som har gått sönder.",
            "The cell holds characters that cannot be stored, or broken letters.",
        ),
        Text("Kirjoita teksti uudelleen.", "Skriv texten på nytt.", "Type the text again."),
    ),
    "cell-too-long": (
        Text(
            "Solussa on yli {limit} merkkiä.",
            "Cellen innehåller över {limit} tecken.",
            "The cell has more than {limit} characters.",
        ),
        Text("Lyhennä tekstiä.", "Korta texten.", "Shorten the text."),
    ),
    "cell-mixed": (
        Text(
            "Samassa kentässä on sekä viiva, joka poistaa tiedon, että arvo.",
            "Samma fält har både ett streck, som tar bort uppgiften, och ett värde.",
            "A removing dash and a value stand for the same field.",
        ),
        Text(
            "Jätä joko viiva tai arvot.",
            "Behåll antingen strecket eller värdena.",
            "Keep either the dash or the values.",
        ),
    ),
    "cell-one": (
        Text(
            "Kentässä voi olla vain yksi arvo.",
            "Fältet kan ha bara ett värde.",
            "The field can have one value only.",
        ),
        Text("Jätä yksi arvo.", "Behåll ett värde.", "Keep one value."),
    ),
    "cell-text": (
        Text(
            "Tähän kuuluu teksti, ei päivämäärä eikä totuusarvo.",
            "Här ska stå text, inte datum eller sanningsvärde.",
            "A text belongs here, not a date or truth value.",
        ),
        Text(
            "Muotoile solu tekstiksi ja kirjoita arvo uudelleen.",
            "Formatera cellen som text och skriv värdet på nytt.",
            "Format the cell as text and type the value again.",
        ),
    ),
    "not-a-number": (
        Text("Tämä ei ole luku.", "Detta är inte ett tal.", "This is not a number."),
        Text(
            "Kirjoita esimerkiksi 1 250 000,50.",
            "Skriv till exempel 1 250 000,50.",
            "Write for example 1 250 000,50.",
        ),
    ),
    "number-point": (
        Text(
            "Piste voi erottaa desimaalit tai tuhannet.",
            "Punkten kan skilja åt decimaler eller tusental.",
            "The point may mean decimals or thousands.",
        ),
        Text("Kirjoita {readings}.", "Skriv {readings}.", "Write {readings}."),
    ),
    "number-groups": (
        Text(
            "Välilyönnit eivät erota tuhansia toisistaan.",
            "Mellanslagen skiljer inte åt tusental.",
            "The spaces do not stand between thousands.",
        ),
        Text(
            "Kirjoita esimerkiksi 1 250 000,50.",
            "Skriv till exempel 1 250 000,50.",
            "Write for example 1 250 000,50.",
        ),
    ),
    "number-cents": (
        Text(
            "Rahamäärässä on enintään kaksi desimaalia.",
            "Ett belopp har högst två decimaler.",
            "An amount of money has at most two decimals.",
        ),
        Text("Kirjoita esimerkiksi 1250,50.", "Skriv till exempel 1250,50.", "Write for example 1250,50."),
    ),
    "number-whole": (
        Text("Tähän kuuluu kokonaisluku.", "Här ska stå ett heltal.", "A whole number belongs here."),
        Text("Jätä desimaalit pois.", "Lämna bort decimalerna.", "Leave the decimals out."),
    ),
    "not-a-boolean": (
        Text(
            "Tähän vastataan kyllä tai ei.", "Här svarar man ja eller nej.", "This is answered by yes or no."
        ),
        Text("Kirjoita kyllä tai ei.", "Skriv ja eller nej.", "Write yes or no."),
    ),
    "not-a-date": (
        Text("Tämä ei ole päivämäärä.", "Detta är inte ett datum.", "This is not a date."),
        _DATE_FORMS,
    ),
    "date-impossible": (
        Text(
            "Tällaista päivää tai kuukautta ei ole.",
            "Det finns ingen sådan dag eller månad.",
            "There is no such day or month.",
        ),
        _DATE_FORMS,
    ),
    "date-precision": (
        Text(
            "Tähän ei voi kirjoittaa aikaa tällä tarkkuudella ({found}).",
            "Här kan en tid inte anges med denna noggrannhet ({found}).",
            "This field does not take a time of that precision ({found}).",
        ),
        _DATE_FORMS,
    ),
    "date-zone": (
        Text("Aikavyöhykettä ei tallenneta.", "Tidszoner sparas inte.", "Time zones are not stored."),
        _DATE_FORMS,
    ),
    "date-order": (
        Text(
            "Päivän ja kuukauden järjestys on epäselvä.",
            "Ordningen på dag och månad är oklar.",
            "It is not clear which is the day and which the month.",
        ),
        _DATE_FORMS,
    ),
    "link-unknown": (
        Text(
            "Kohdetta ei löydy{of}.",
            "Objektet hittas inte{of}.",
            "Nothing of that name was found{of}.",
        ),
        _CHOOSE_OTHER,
    ),
    "link-class": (
        Text(
            "Kohde kuuluu luokkaan {found}, mutta sarakkeeseen sopii {classes}.",
            "Objektet hör till klassen {found}, men i kolumnen passar {classes}.",
            "This is of the class {found}, but the column takes {classes}.",
        ),
        _CHOOSE_OTHER,
    ),
    "link-ambiguous": (
        Text("Usealla kohteella on tämä nimi.", "Flera objekt har samma namn.", "Several have this name."),
        Text(
            "Kirjoita jokin näistä: {choices}.",
            "Skriv någon av dessa: {choices}.",
            "Write one of these: {choices}.",
        ),
    ),
    "link-address": (
        Text("Tähän kuuluu verkko-osoite.", "Här ska stå en webbadress.", "A web address belongs here."),
        Text(
            "Kirjoita koko osoite, esimerkiksi https://www.kymenlaakso.fi/.",
            "Skriv hela adressen, till exempel https://www.kymenlaakso.fi/.",
            "Write the whole address, for example https://www.kymenlaakso.fi/.",
        ),
    ),
    "passage-form": (
        Text(
            "Lähdekohdaksi merkitään asiakirja ja sen rivit.",
            "Ett källställe anges med dokument och rader.",
            "A passage is written as a document and lines.",
        ),
        Text(
            "Kirjoita esimerkiksi {example}.", "Skriv till exempel {example}.", "Write for example {example}."
        ),
    ),
    "passage-document": (
        Text(
            "Asiakirjaa {document} ei ole.",
            "Dokumentet {document} finns inte.",
            "There is no document {document}.",
        ),
        Text("Asiakirjat ovat {documents}.", "Dokumenten är {documents}.", "The documents are {documents}."),
    ),
    "passage-missing": (
        Text(
            "Lähdekohtaa {passage} ei ole vielä, eikä sitä voi lisätä ilman lähdetiedostoja.",
            "Källstället {passage} finns inte ännu, och det kan inte läggas till utan källfilerna.",
            "The passage {passage} is not there yet, and cannot be added without the source files.",
        ),
        Text(
            "Valitse olemassa oleva lähdekohta tai pyydä ylläpitäjää lisäämään tämä.{near}",
            "Välj ett källställe som finns eller be administratören lägga till detta.{near}",
            "Choose a passage that is there, or ask the administrator to add this one.{near}",
        ),
    ),
    "passage-lines": (
        Text(
            "Lähdekohta ei kelpaa: {detail}.",
            "Källstället är inte giltigt: {detail}.",
            "The passage is not valid: {detail}.",
        ),
        Text(
            "Tarkista rivinumerot; rivit lasketaan ykkösestä.",
            "Kontrollera radnumren; raderna räknas från ett.",
            "Check the line numbers; lines count from one.",
        ),
    ),
}
