"""The words of a text that say what it is about: all but the function words of some European languages."""

from __future__ import annotations

from collections.abc import Collection

from idiolect.retrieval.bm25 import words

_ENGLISH = (
    "a an the this that these those i me my mine you your yours he him his she her hers it its we us our ours they them their theirs "
    "who whom whose which what when where why how is am are was were be been being do does did done has have had having can could "
    "will would shall should may might must of in on at by for with from to into onto over under about as than then so and or but nor "
    "if because while though not no never none without there here very too also just only own same such any some each every all both "
    "few more most other s t d ll re ve m don isn aren wasn weren doesn didn won wouldn couldn shouldn hasn haven hadn"
)
_GERMAN = (
    "der die das den dem des ein eine einen einem einer eines ich mich mir mein meine meinen meinem meiner du dich dir dein deine er "
    "ihn ihm sein seine sie ihr ihre es wir uns unser unsere wer wen wem was wann wo warum wie ist bin bist sind waren sei gewesen "
    "habe haben hatte wird werden wurde kann will soll muss darf von in im an am auf bei für mit aus zu zum zur nach über unter als "
    "und oder aber wenn weil dass nicht kein keine keinen nie auch nur sehr so da hier"
)
_ROMANCE = (
    "le la les l un une des du de d je me moi mon ma mes tu te toi ton ta tes il elle on nous vous ils elles ce cet cette ces qui que "
    "quoi quand où comment est suis es sont était être a ai as ont avoir dans en sur sous par pour avec sans à au aux et ou mais si "
    "ne pas plus jamais aussi très el los las unos unas yo mi mis ti su sus él ella nosotros ellos se lo al del qué cuándo dónde cómo "
    "era ser soy está he ha han hay por para con y e o pero no nunca muy también gli i uno io mio mia lui lei noi loro che chi quando "
    "è sono sei di da nel nella della per tra fra anche non mai molto os um uma eu meu minha ele ela eles é são foi em na nos nas ao "
    "dos das com mas não nem"
)
_DUTCH = (
    "de het een ik mij mijn jij je jouw hij hem zijn zij haar wij ons onze jullie hun wie wat wanneer waar waarom hoe is ben bent "
    "waren was heeft heb hebben kan zal moet van in op aan bij voor met uit naar over onder als en of maar niet geen nooit ook zeer "
    "er dat die dit"
)
FUNCTION_WORDS = frozenset(f"{_ENGLISH} {_GERMAN} {_ROMANCE} {_DUTCH}".split())


def content(text: str) -> list[str]:
    """The words of `text` in lower case, in their order and with repeats, without function words and negations.

    The words of all languages count in each: those that say something in English ("war", "hat", "son") are not among them.
    """
    return [word for word in words(text) if word not in FUNCTION_WORDS]


def overlap(one: Collection[str], other: Collection[str]) -> float:
    """The share of words that two texts have in common, of all that either has (Jaccard's); 0 where neither has any."""
    some, more = set(one), set(other)
    return len(some & more) / max(len(some | more), 1)
