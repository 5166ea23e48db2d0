"""Pictures of pages that make some, beside the links to them; and six of them as one, for the README.

    python docs/_ext/pictures.py docs/_build/html docs/_static/gallery.png      of the built site, by Chromium and Pillow

Not here: what is drawn (the pages of ``gallery`` and ``science``).
"""

from __future__ import annotations

import html
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

#: Folders whose index shows a picture for each page: of a page the last one, or that of this number.
ROOMS, CHOSEN = ("gallery", "science"), {"filters": 0}
#: What the README shows, and in which words.
SIX = {
    "vae": "the manifold of an autoencoder",
    "choreography": "three bodies, by least action",
    "landscape": "the landscape of a loss",
    "double_pendulum": "a double pendulum, from its Lagrangian",
    "optics": "a lens, designed by descent",
    "gaussian_process": "a Gaussian process",
}


def picture(page: Path) -> str | None:
    """The address of the picture that stands for a page, from the page's folder."""
    article = page.read_text(encoding="utf-8").partition("<article")[2].partition("</article>")[0]
    found = re.findall(r'<img[^>]*\bsrc="(\.\./_images/[^"]+)"', article)
    return found[CHOSEN.get(page.stem, -1)] if found else None


def shown(app: Any, error: Exception | None) -> None:
    """Put pictures into the lists of pages."""
    if error is not None or app.builder.name != "html":
        return
    for room in ROOMS:
        index = Path(app.outdir) / room / "index.html"
        text = index.read_text(encoding="utf-8")
        before, list_, after = re.split(r'(?s)(<div class="toctree-wrapper.*?</div>)', text, maxsplit=1)

        def card(found: re.Match[str], folder: Path = index.parent) -> str:
            source = picture(folder / found[2])
            image = f'<img src="{source}" alt="" loading="lazy"/>' if source else ""
            return f"{found[1]}{image}<span>{found[3]}</span></a>"

        cards = re.sub(r'(<a class="reference internal" href="(\w+\.html)">)(?:<img[^>]*>)?(?:<span>)?(.*?)(?:</span>)?</a>', card, list_)
        index.write_text(before + cards.replace('compound">', 'compound tl-cards">') + after, encoding="utf-8")


def montage(site: Path, target: Path) -> None:
    """Six pictures as one, of 1200 by 640 pixels, in 256 colours."""
    from PIL import Image

    figures = "".join(
        f'<figure><img src="{(site / "gallery" / (picture(site / "gallery" / f"{page}.html") or "")).resolve().as_uri()}">'
        f"<figcaption>{html.escape(words)}</figcaption></figure>"
        for page, words in SIX.items()
    )
    style = (
        "body{margin:0;padding:10px;width:1200px;height:640px;box-sizing:border-box;background:#dfe3e6;display:grid;gap:10px;"
        "grid-template:repeat(2,minmax(0,1fr))/repeat(3,minmax(0,1fr));font:17px sans-serif;color:#333}"
        "html{background:#dfe3e6}figure{margin:0;background:#fff;border-radius:8px;padding:10px;display:flex;flex-direction:column;min-height:0}"
        "img{flex:1;min-height:0;object-fit:contain}figcaption{text-align:center;padding-top:6px}"
    )
    with tempfile.TemporaryDirectory() as name:
        page, shot = Path(name) / "page.html", Path(name) / "shot.png"
        page.write_text(f'<!doctype html><meta charset="utf-8"><style>{style}</style>{figures}', encoding="utf-8")
        subprocess.run(
            [shutil.which("chromium") or "chromium", "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars",
             "--allow-file-access-from-files", "--window-size=1200,800", f"--screenshot={shot}", page.as_uri()],
            check=True, capture_output=True, timeout=120,
        )  # fmt: skip
        image = Image.open(shot).convert("RGB").crop((0, 0, 1200, 640)).quantize(256, dither=Image.Dither.NONE)
        image.save(target, optimize=True)


def setup(app: Any) -> dict[str, Any]:
    """Sphinx asks for this."""
    app.connect("build-finished", shown)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


if __name__ == "__main__":
    montage(Path(sys.argv[1]), Path(sys.argv[2]))
