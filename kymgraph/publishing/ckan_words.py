"""Words of CKAN sites in Finland for what DCAT-AP says by IRIs of the EU.

Groups and licences are those that avoindata.fi knows, under its names for them.
"""

from __future__ import annotations

from typing import Final

LANGUAGES: Final = ("fi", "sv", "en")
EU: Final = "http://publications.europa.eu/resource/authority/"
#: The groups of avoindata.fi that mean the same as a theme of the EU: name there, and titles.
GROUPS: Final[dict[str, tuple[str, str, str, str]]] = {
    "AGRI": (
        "maatalous-kalastus-metsatalous-ja-elintarvikkeet",
        "Maatalous, kalastus, metsätalous ja elintarvikkeet",
        "Jordbruk, fiske, skogsbruk och livsmedel",
        "Agriculture, fisheries, forestry and food",
    ),
    "ECON": ("talous-ja-raha-asiat", "Talous ja raha-asiat", "Ekonomi och finans", "Economy and finance"),
    "EDUC": (
        "koulutus-kulttuuri-ja-urheilu",
        "Koulutus, kulttuuri ja urheilu",
        "Utbildning, kultur och sport",
        "Education, culture and sport",
    ),
    "ENER": ("energia", "Energia", "Energi", "Energy"),
    "ENVI": ("ymparisto", "Ympäristö", "Miljö", "Environment"),
    "GOVE": (
        "valtioneuvosto-ja-julkinen-sektori",
        "Valtioneuvosto ja julkinen sektori",
        "Regeringen och den offentliga sektorn",
        "Government and public sector",
    ),
    "HEAL": ("terveys", "Terveys", "Hälsa", "Health"),
    "INTR": (
        "kansainvaliset-kysymykset",
        "Kansainväliset kysymykset",
        "Internationella frågor",
        "International issues",
    ),
    "JUST": (
        "oikeus-oikeusjarjestelma-ja-yleinen-turvallisuus",
        "Oikeus, oikeusjärjestelmä ja yleinen turvallisuus",
        "Rättvisa, rättsliga system och allmän säkerhet",
        "Justice, legal system and public safety",
    ),
    "REGI": ("alueet-ja-kaupungit", "Alueet ja kaupungit", "Regioner och städer", "Regions and cities"),
    "SOCI": (
        "vaesto-ja-yhteiskunta",
        "Väestö ja yhteiskunta",
        "Befolkning och samhälle",
        "Population and society",
    ),
    "TECH": (
        "tiede-ja-teknologia",
        "Tiede ja teknologia",
        "Vetenskap och teknik",
        "Science and technology",
    ),
    "TRAN": ("liikenne", "Liikenne", "Transport", "Transport"),
}
#: Frequencies of the EU as words: on avoindata.fi they are keywords, and their IRIs have no place.
FREQUENCIES: Final[dict[str, tuple[str, str, str]]] = {
    "ANNUAL": ("vuosittain", "varje år", "annual"),
    "BIANNUAL": ("kahdesti vuodessa", "två gånger om året", "twice a year"),
    "BIENNIAL": ("joka toinen vuosi", "vartannat år", "every second year"),
    "CONT": ("jatkuvasti", "kontinuerligt", "continuous"),
    "DAILY": ("päivittäin", "dagligen", "daily"),
    "IRREG": ("epäsäännöllinen", "oregelbundet", "irregular"),
    "MONTHLY": ("kuukausittain", "varje månad", "monthly"),
    "NEVER": ("ei päivitetä", "uppdateras inte", "never"),
    "QUARTERLY": ("neljännesvuosittain", "varje kvartal", "quarterly"),
    "WEEKLY": ("viikoittain", "varje vecka", "weekly"),
}
#: Licences of the EU's table under the ids that avoindata.fi knows: id, title, address.
LICENCES: Final[dict[str, tuple[str, str, str]]] = {
    "CC_BY_4_0": (
        "cc-by-4.0",
        "Creative Commons Attribution 4.0",
        "http://creativecommons.org/licenses/by/4.0/",
    ),
    "CC0": (
        "cc-zero-1.0",
        "Creative Commons CCZero 1.0",
        "http://creativecommons.org/publicdomain/zero/1.0/",
    ),
}
#: For any other: a text, since the importer asks for its lower case.
NO_LICENCE: Final = ("notspecified", "License Not Specified", "")
#: File types of the EU as CKAN writes formats.
FORMATS: Final = {
    "RDF_TURTLE": "TTL",
    "RDF_TRIG": "TriG",
    "RDF_N_TRIPLES": "N-Triples",
    "RDF_XML": "RDF",
    "JSON_LD": "JSON-LD",
}
