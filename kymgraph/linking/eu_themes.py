"""The EU's data themes, under which catalogues file datasets: thirteen wide categories, and words for each.

The IRIs and English names are those of the authority table data-theme of the Publications Office of the EU.
The Finnish words are ours: a theme of ours that has one of them in its name is proposed for the category, as
a broader match, and a person decides.
"""

from __future__ import annotations

from typing import Final

from kymgraph.linking.decisions import Text
from kymgraph.linking.vocabulary import Entry, FileVocabulary

IRI: Final = "http://publications.europa.eu/resource/authority/data-theme"

_THEMES: Final = {
    "AGRI": ("Agriculture, fisheries, forestry and food", "maatalous metsätalous metsäala ruoka maaseutu"),
    "ECON": ("Economy and finance", "talous elinkeino elinkeinoelämä investointi yritys kauppa rahoitus"),
    "EDUC": ("Education, culture and sport", "koulutus osaaminen kulttuuri liikunta urheilu"),
    "ENER": ("Energy", "energia"),
    "ENVI": ("Environment", "ympäristö luonto luonnonvarat ilmasto ilmastonmuutos"),
    "GOVE": ("Government and public sector", "hallinto maakuntauudistus julkinen"),
    "HEAL": ("Health", "terveys hyvinvointi"),
    "INTR": ("International issues", "kansainvälistyminen kansainvälisyys"),
    "JUST": ("Justice, legal system and public safety", "oikeus turvallisuus"),
    "REGI": ("Regions and cities", "aluekehitys alue kaupunki maakunta yhdyskuntarakenne kaavoitus"),
    "SOCI": ("Population and society", "väestö osallisuus muuttoliike nuoret työllisyys"),
    "TECH": ("Science and technology", "tiede tutkimus tekniikka digitalisaatio kyberturvallisuus"),
    "TRAN": ("Transport", "liikenne logistiikka"),
}  # fmt: skip


def vocabulary() -> FileVocabulary:
    """The thirteen categories.

    >>> len(vocabulary().entries)
    13
    """
    entries = {
        f"{IRI}/{code}": Entry(
            f"{IRI}/{code}",
            (Text(name, "en"),),
            tuple(Text(word, "fi") for word in told.split()),
            codes=(code,),
            vocabulary=IRI,
            topic=True,
        )
        for code, (name, told) in _THEMES.items()
    }
    return FileVocabulary(entries, IRI)
