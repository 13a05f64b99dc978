# thumbnail.py FILE MIME: asks libgnome-desktop for a thumbnail, as a file manager does; prints its size or "none".
import pathlib
import sys

import gi

gi.require_version("GnomeDesktop", "3.0")
from gi.repository import GLib, GnomeDesktop  # noqa: E402

factory = GnomeDesktop.DesktopThumbnailFactory.new(GnomeDesktop.DesktopThumbnailSize.NORMAL)
uri = pathlib.Path(sys.argv[1]).absolute().as_uri()
try:
    picture = factory.generate_thumbnail(uri, sys.argv[2])
except (GLib.Error, TypeError):
    try:
        picture = factory.generate_thumbnail(uri, sys.argv[2], None)
    except GLib.Error as error:
        print("none:", error.message)
        sys.exit(1)
if picture is None:
    print("none")
    sys.exit(1)
print("thumbnail", picture.get_width(), "x", picture.get_height())
