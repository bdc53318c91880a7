"""Every sentence of a catalogue's check in Finnish, Swedish and English."""

from __future__ import annotations

from typing import Final

LANGUAGES: Final = ("fi", "sv", "en")

#: Of each metric: what it is called, and what to do if its points are lost.
_METRICS: Final[dict[str, tuple[tuple[str, str, str], tuple[str, str, str]]]] = {
    "keywords": (
        ("Avainsanat", "Nyckelord", "Keywords"),
        (
            "Lisää aineistolle vähintään yksi avainsana (dcat:keyword).",
            "Ge datamängden minst ett nyckelord (dcat:keyword).",
            "Give the dataset at least one keyword (dcat:keyword).",
        ),
    ),
    "categories": (
        ("Aiheluokat", "Kategorier", "Categories"),
        (
            "Lisää dcat:theme, mieluiten EU:n data-theme-luettelosta.",
            "Lägg till dcat:theme, helst ur EU:s förteckning data-theme.",
            "Add dcat:theme, best of all from the EU's list data-theme.",
        ),
    ),
    "spatial": (
        ("Alue", "Område", "Place"),
        (
            "Kerro, mitä aluetta aineisto koskee (dct:spatial).",
            "Ange vilket område datamängden gäller (dct:spatial).",
            "Say which area the dataset is about (dct:spatial).",
        ),
    ),
    "temporal": (
        ("Aika", "Tid", "Time"),
        (
            "Kerro, mitä aikaa aineisto koskee (dct:temporal, dcat:startDate ja dcat:endDate).",
            "Ange vilken tid datamängden gäller (dct:temporal, dcat:startDate och dcat:endDate).",
            "Say which time the dataset is about (dct:temporal with dcat:startDate and dcat:endDate).",
        ),
    ),
    "access-url-answers": (
        ("Käyttöosoite vastaa", "Åtkomstadressen svarar", "Access URL answers"),
        (
            "Anna jakelulle dcat:accessURL, joka vastaa HTTP-tilalla 200.",
            "Ge distributionen en dcat:accessURL som svarar med HTTP-status 200.",
            "Give the distribution a dcat:accessURL that answers with HTTP status 200.",
        ),
    ),
    "download-url": (
        ("Latausosoite", "Nedladdningsadress", "Download URL"),
        (
            "Anna tiedoston suora osoite (dcat:downloadURL).",
            "Ange filens direkta adress (dcat:downloadURL).",
            "Give the address of the file itself (dcat:downloadURL).",
        ),
    ),
    "download-url-answers": (
        ("Latausosoite vastaa", "Nedladdningsadressen svarar", "Download URL answers"),
        (
            "Anna jakelulle dcat:downloadURL, joka vastaa HTTP-tilalla 200.",
            "Ge distributionen en dcat:downloadURL som svarar med HTTP-status 200.",
            "Give the distribution a dcat:downloadURL that answers with HTTP status 200.",
        ),
    ),
    "format": (
        ("Tiedostomuoto", "Filformat", "Format"),
        (
            "Kerro tiedostomuoto (dct:format) EU:n file-type-luettelosta.",
            "Ange filformatet (dct:format) ur EU:s förteckning file-type.",
            "Name the file format (dct:format), from the EU's list file-type.",
        ),
    ),
    "media-type": (
        ("Mediatyyppi", "Medietyp", "Media type"),
        (
            "Kerro mediatyyppi (dcat:mediaType), esimerkiksi http://www.iana.org/assignments/media-types/text/csv.",
            "Ange medietypen (dcat:mediaType), till exempel http://www.iana.org/assignments/media-types/text/csv.",
            "Name the media type (dcat:mediaType), such as http://www.iana.org/assignments/media-types/text/csv.",
        ),
    ),
    "format-vocabulary": (
        (
            "Muoto ja mediatyyppi luettelosta",
            "Format och medietyp ur förteckning",
            "Format and media type from lists",
        ),
        (
            "Kirjoita dct:format EU:n file-type-IRI:nä (http, ei https) ja dcat:mediaType IANA:n IRI:nä.",
            "Skriv dct:format som EU:s file-type-IRI (http, inte https), dcat:mediaType som IANA:s IRI.",
            "Write dct:format as the EU's file-type IRI (http, not https), dcat:mediaType as IANA's IRI.",
        ),
    ),
    "non-proprietary": (
        ("Avoin tiedostomuoto", "Öppet filformat", "Non-proprietary format"),
        (
            "Tarjoa aineisto myös avoimessa muodossa (CSV, JSON…) ja kerro se EU:n IRI:nä (dct:format).",
            "Erbjud datamängden också i ett öppet format (CSV, JSON…), angivet som EU:s IRI (dct:format).",
            "Offer the dataset in an open format too (CSV, JSON…), named by the EU's IRI (dct:format).",
        ),
    ),
    "machine-readable": (
        ("Koneluettava tiedostomuoto", "Maskinläsbart filformat", "Machine-readable format"),
        (
            "Tarjoa aineisto myös koneluettavana (CSV, JSON…) ja kerro muoto EU:n IRI:nä (dct:format).",
            "Erbjud datamängden också maskinläsbar (CSV, JSON…) och ange formatet som EU:s IRI (dct:format).",
            "Offer the dataset machine-readable too (CSV, JSON…), named by the EU's IRI (dct:format).",
        ),
    ),
    "dcat-ap": (
        ("DCAT-AP:n mukainen", "Följer DCAT-AP", "Complies with DCAT-AP"),
        (
            "Korjaa alla luetellut DCAT-AP-virheet.",
            "Åtgärda de DCAT-AP-fel som räknas upp nedan.",
            "Mend the violations of DCAT-AP that are listed below.",
        ),
    ),
    "licence": (
        ("Lisenssi", "Licens", "Licence"),
        (
            "Kerro jakelun lisenssi (dct:license).",
            "Ange distributionens licens (dct:license).",
            "Name the licence of the distribution (dct:license).",
        ),
    ),
    "licence-vocabulary": (
        ("Lisenssi luettelosta", "Licens ur förteckning", "Licence from the list"),
        (
            "Käytä EU:n lisenssi-IRI:ä, esimerkiksi http://publications.europa.eu/resource/authority/licence/CC_BY_4_0.",
            "Använd EU:s licens-IRI, till exempel http://publications.europa.eu/resource/authority/licence/CC_BY_4_0.",
            "Use the EU's licence IRI, such as http://publications.europa.eu/resource/authority/licence/CC_BY_4_0.",
        ),
    ),
    "access-rights": (
        ("Pääsyoikeudet", "Åtkomsträttigheter", "Access rights"),
        (
            "Kerro, kuka aineiston saa (dct:accessRights).",
            "Ange vem som får tillgång till datamängden (dct:accessRights).",
            "Say who may have the dataset (dct:accessRights).",
        ),
    ),
    "access-rights-vocabulary": (
        ("Pääsyoikeudet luettelosta", "Åtkomsträttigheter ur förteckning", "Access rights from the list"),
        (
            "Käytä EU:n IRI:ä, esimerkiksi http://publications.europa.eu/resource/authority/access-right/PUBLIC.",
            "Använd EU:s IRI, till exempel http://publications.europa.eu/resource/authority/access-right/PUBLIC.",
            "Use the EU's IRI, such as http://publications.europa.eu/resource/authority/access-right/PUBLIC.",
        ),
    ),
    "contact-point": (
        ("Yhteystieto", "Kontaktpunkt", "Contact point"),
        (
            "Kerro, mihin voi ottaa yhteyttä (dcat:contactPoint).",
            "Ange vart man kan vända sig (dcat:contactPoint).",
            "Say whom to ask (dcat:contactPoint).",
        ),
    ),
    "publisher": (
        ("Julkaisija", "Utgivare", "Publisher"),
        (
            "Kerro, kuka aineiston julkaisee (dct:publisher).",
            "Ange vem som ger ut datamängden (dct:publisher).",
            "Say who publishes the dataset (dct:publisher).",
        ),
    ),
    "rights": (
        ("Käyttöehdot", "Rättigheter", "Rights"),
        (
            "Kerro jakelun käyttöehdot (dct:rights).",
            "Ange distributionens rättigheter (dct:rights).",
            "State the rights of the distribution (dct:rights).",
        ),
    ),
    "byte-size": (
        ("Tiedoston koko", "Filstorlek", "File size"),
        (
            "Kerro tiedoston koko tavuina (dcat:byteSize).",
            "Ange filens storlek i byte (dcat:byteSize).",
            "State the size of the file in bytes (dcat:byteSize).",
        ),
    ),
    "issued": (
        ("Julkaisupäivä", "Utgivningsdag", "Date of issue"),
        (
            "Kerro, milloin aineisto julkaistiin (dct:issued).",
            "Ange när datamängden gavs ut (dct:issued).",
            "Say when the dataset was published (dct:issued).",
        ),
    ),
    "modified": (
        ("Muutospäivä", "Ändringsdag", "Date of change"),
        (
            "Kerro, milloin aineistoa on muutettu (dct:modified).",
            "Ange när datamängden senast ändrades (dct:modified).",
            "Say when the dataset was last changed (dct:modified).",
        ),
    ),
}

_TEXTS: Final[dict[str, tuple[str, str, str]]] = {
    "findability": ("Löydettävyys", "Sökbarhet", "Findability"),
    "accessibility": ("Saatavuus", "Tillgänglighet", "Accessibility"),
    "interoperability": ("Yhteentoimivuus", "Interoperabilitet", "Interoperability"),
    "reusability": ("Uudelleenkäytettävyys", "Återanvändbarhet", "Reusability"),
    "contextuality": ("Asiayhteys", "Sammanhang", "Contextuality"),
    "excellent": ("erinomainen", "utmärkt", "Excellent"),
    "good": ("hyvä", "bra", "Good"),
    "sufficient": ("riittävä", "tillräcklig", "Sufficient"),
    "bad": ("huono", "dålig", "Bad"),
    "found": (
        "{name}: aineistoja {datasets}, jakeluja {distributions}, sivuja {pages}.",
        "{name}: datamängder {datasets}, distributioner {distributions}, sidor {pages}.",
        "{name}: datasets {datasets}, distributions {distributions}, pages {pages}.",
    ),
    "predicted": (
        "Ennuste: {points} / {most}, {rating}.",
        "Prognos: {points} av {most}, {rating}.",
        "Predicted: {points} of {most}, {rating}.",
    ),
    "predicted.upto": (
        "Ennuste: enintään {possible} / {most} ({rating}), varmoja {points}.",
        "Prognos: upp till {possible} av {most} ({rating}), varav {points} säkra.",
        "Predicted: up to {possible} of {most} ({rating}), of which {points} are sure.",
    ),
    "none": (
        "Katalogissa ei ole yhtään aineistoa (dcat:Dataset).",
        "Katalogen innehåller ingen datamängd (dcat:Dataset).",
        "There is no dataset (dcat:Dataset) in the catalogue.",
    ),
    "metrics": ("Mittarit (keskiarvo)", "Mått (medeltal)", "Metrics (mean)"),
    "datasets": ("Aineistot", "Datamängder", "Datasets"),
    "unchecked": ("ei tarkistettu", "inte kontrollerat", "not checked"),
    "lost": (
        "menetetty, aineistoja {n} / {of}",
        "förlorat, datamängder {n} av {of}",
        "lost in {n} of {of} datasets",
    ),
    "unchecked.n": (
        "ei tarkistettu, aineistoja {n} / {of}",
        "inte kontrollerat, datamängder {n} av {of}",
        "not checked in {n} of {of} datasets",
    ),
    "more": (
        "… ja {n} muuta: --format json kertoo kaikki",
        "… och {n} till: --format json visar alla",
        "… and {n} more: --format json has them all",
    ),
    "no.distribution": (
        "Aineistolla ei ole yhtään jakelua (dcat:distribution).",
        "Datamängden har ingen distribution (dcat:distribution).",
        "The dataset has no distribution (dcat:distribution).",
    ),
    "shapes": ("DCAT-AP-säännöt ({version})", "DCAT-AP-regler ({version})", "DCAT-AP shapes ({version})"),
    "shapes.sum": (
        "virheitä {violations}, varoituksia {warnings}",
        "fel {violations}, varningar {warnings}",
        "{violations} violations, {warnings} warnings",
    ),
    "shapes.not": (
        "DCAT-AP-sääntöjä ei ajettu: anna --shapes KANSIO.",
        "DCAT-AP-reglerna kördes inte: ange --shapes MAPP.",
        "The DCAT-AP shapes were not run: give --shapes DIR.",
    ),
    "violation": ("VIRHE", "FEL", "VIOLATION"),
    "warning": ("varoitus", "varning", "warning"),
    "urls": ("Osoitteet", "Adresser", "URLs"),
    "urls.sum": (
        "vastaa {good}, ei vastaa {bad}, ei tarkistettu {unchecked}",
        "svarar {good}, svarar inte {bad}, inte kontrollerade {unchecked}",
        "{good} answer, {bad} do not, {unchecked} not checked",
    ),
    "urls.allow": (
        "Salli palvelimet, joilta saa kysyä: --allow PALVELIN:PORTTI tai KYMGRAPH_ALLOW_HOSTS.",
        "Ange vilka servrar som får tillfrågas: --allow SERVER:PORT eller KYMGRAPH_ALLOW_HOSTS.",
        "Say which hosts may be asked: --allow HOST:PORT or KYMGRAPH_ALLOW_HOSTS.",
    ),
    "urls.not": (
        "Osoitteita ei tarkistettu (--no-urls).",
        "Adresserna kontrollerades inte (--no-urls).",
        "No URL was asked (--no-urls).",
    ),
    "notes": ("Huomioita", "Anmärkningar", "Remarks"),
    "note.undescribed": (
        "Aineistoja, jotka katalogi luettelee mutta ei kuvaile ja joita ei pisteytetty: {n}.",
        "Datamängder som katalogen räknar upp men inte beskriver, och som inte poängsattes: {n}.",
        "Datasets that the catalogue lists and does not describe, and that were not scored: {n}.",
    ),
    "note.cut": (
        "Katalogista luettiin vain alku: {datasets} aineistoa, {pages} sivua. Raja: {limit}.",
        "Bara början av katalogen lästes: {datasets} datamängder, {pages} sidor. Gräns: {limit}.",
        "Only the beginning of the catalogue was read: {datasets} datasets, {pages} pages. Limit: {limit}.",
    ),
    "note.paged-file": (
        "Tiedosto on yksi sivu useasta; anna sen verkko-osoite, jos haluat tarkistaa kaikki.",
        "Filen är en sida av flera; ange dess webbadress för att kontrollera alla.",
        "The file is one page of several; give its URL to check them all.",
    ),
    "note.loop": (
        "Seuraava sivu ei tuonut yhtään uutta aineistoa, joten sivujen lukeminen päättyi siihen: {url}",
        "Nästa sida gav ingen ny datamängd, så läsningen slutade där: {url}",
        "The next page brought no new dataset, so reading ended there: {url}",
    ),
    "note.lenient": (
        "RDF ei ole virheetöntä, ja muut lukijat voivat hylätä sen: {detail}",
        "RDF:en är inte felfri, och andra läsare kan avvisa den: {detail}",
        "The RDF is not flawless, and other readers may refuse it: {detail}",
    ),
    "note.no-eu-theme": (
        "Aineistoja, joita EU:n aiherajaus ei löydä, koska aihe ei ole data-theme-luettelosta: {n}.",
        "Datamängder som EU:s temafilter inte hittar, eftersom temat inte är ur listan data-theme: {n}.",
        "Datasets that the EU's filter by theme does not find, as no theme is from data-theme: {n}.",
    ),
    "note.frequency": (
        "Aineistoja, joiden dct:accrualPeriodicity ei ole EU:n frequency-luettelosta: {n}.",
        "Datamängder vars dct:accrualPeriodicity inte är ur EU:s förteckning frequency: {n}.",
        "Datasets whose dct:accrualPeriodicity is not from the EU's list frequency: {n}.",
    ),
    "note.untagged": (
        "Aineistoja, joiden otsikolta, kuvaukselta tai avainsanoilta puuttuu kieli (kuten @fi): {n}.",
        "Datamängder vars titel, beskrivning eller nyckelord saknar språk (som @sv): {n}.",
        "Datasets whose title, description or keywords have no language (such as @en): {n}.",
    ),
    "note.shapes-missing": (
        "Sääntökansiossa ei ole tiedostoa {file}, joten sitä ei ajettu.",
        "Mappen saknar filen {file}, som därför inte kördes.",
        "The folder of shapes has no {file}, so it was not run.",
    ),
    "note.shapes-error": (
        "{file}: {detail}",
        "{file}: {detail}",
        "{file}: {detail}",
    ),
    "note.shapes-cut": (
        "{file}: tuloksia on enemmän kuin {n}; loput jäivät pois.",
        "{file}: det finns fler resultat än {n}; resten utelämnades.",
        "{file}: there are more than {n} results; the rest was left out.",
    ),
}  # fmt: skip


def text(key: str, lang: str, **values: object) -> str:
    """A sentence in a language, its `{names}` filled in.

    >>> text("predicted", "fi", points=405, most=405, rating=text("excellent", "fi"))
    'Ennuste: 405 / 405, erinomainen.'
    """
    return _in(_TEXTS[key], lang).format(**values)


def name(metric: str, lang: str) -> str:
    """What a metric is called."""
    return _in(_METRICS[metric][0], lang)


def mend(metric: str, lang: str) -> str:
    """What to do to get the points of a metric."""
    return _in(_METRICS[metric][1], lang)


def _in(texts: tuple[str, str, str], lang: str) -> str:
    return texts[LANGUAGES.index(lang) if lang in LANGUAGES else 2]
