"""Pictures that are sent along to be looked at, and not kept."""

from typing import IO

from PIL.Image import Image as Picture

from gallery.decoding import open_picture
from gallery.pictures import WORKING_SIDE, flatten
from gallery.validators import digest_upload


def sent_picture(file: IO[bytes]) -> Picture:
    """The picture, RGB, within the limits of an upload. Raises UploadRefused."""
    digest_upload(file)
    return flatten(open_picture(file, max_side=WORKING_SIDE))
