"""`report.html`: the report with pictures and sounds in one file that needs neither network nor other files."""

from creativeml.evaluation.page.assemble import write_page
from creativeml.evaluation.page.listening import Listening, PlayedPair, Sound

__all__ = ["Listening", "PlayedPair", "Sound", "write_page"]
