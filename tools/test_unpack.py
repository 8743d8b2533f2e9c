"""Tests of the decoders: what the reference tools made, and that damage is an error and nothing else.

    python3 -m unittest discover -s tools
"""

import base64
import random
import unittest

from stepwell_format import lz4, zstd
from stepwell_format.bits import Bad

# A length, a format, and what the command of that name makes of the text of that length.
SAMPLES = [
    (0, zstd,
        "KLUv/SQAAQAAmenYUQ=="),
    (30, zstd,
        "KLUv/QRYxQAAgHsiYSI6MX0gIHRocmVhZGMCACoZLCtcM4EeLQ=="),
    (700, zstd,
        "KLUv/QRI5QYAUkgVFMAlHfZyublslsRWpPsA5l0akoBPVBAb0rIlW/H3sW1Jtvp9bMlWLMPHWNuyLcPHGNmK/H0tyVa/jy3L8DHG"
        "38eWv49sxQIBGMZAoAkCAyqIDeHvCzggIAKCkKM9tRDNyQhjB6BlEODFkAPdA66DxgP3Xww7kWRgfoGoDGhlkGEH6JN2jsH7Uf0c"
        "xgCWAbAZMB7rZKAggHdHNXigNRBNIAMBqMFxkSBtGXpDbzMESAOAwIVSGYRBYPNA2gAGOfcgQb0BqAMzF7JMZYMxe8QZGBfiXiY5"
        "0jhRnPMRahM="),
    (5000, zstd,
        "KLUv/QRopRUAQgYNE6A5axmSlttZf6YEqnHLOMT/FQT//////////cJJh2r3vQCBOUZhqSHXisFgBEoK3VopCYE2qHEHC1JYdgMh"
        "CAHDkKT01h0SyCAMDoNQjMY4jkQ8giyR0wKDFg7OHgvyk4lk0a9rYNH9+LGbBVDAV6hSNPQI2AVGYw90ATUW7SMywUfR8rzdexYg"
        "wn2p8q646smMvKbbZNkagHJDKrz7V2YHP+G015sHOhzU1z4dT8uMV6RcquedqgnCoqmy92XTDacbmFIKwj81bR28ULD6x/lZJcIf"
        "bJZ261dkHaNedR5gNPB9HCiCuhiyxvB7V3YhSZXenc/oBpMCbKNsBs5i5nNR8C5Z1N6kk0SUVsx7tn3cLrZA0pkCFrevFsi7xRZJ"
        "CmDecniTAW1UsqIGJHJHQWxpekqtw6Pj/Zvj6qEb2Qk5RFW8ozwLGCk86caoslzytBGbOPNV9VMEfI9sxfph2iStf0XtIsxmDBpu"
        "GO+395p01NVunkySIeJxpycmBRDW6nsk0fT0HCjru8aPd+GYBkjz0q6PHB9zFCCMxcBQc0U66vU5FOSUSWNPcmgnpun3Kz8DLoHg"
        "8RjMma9R0VBssHiK6fXCK0RTjyvRQVHbHjcSSZ6lmEvbZjPFsVDbkvruF9HIQT0hLhffhNyJsNSItKduBTiiNB378LSIpdiGeLUa"
        "65PyzKX9qJip4eNC60EdEwyRKCljLJPrQHH5DpI8yyg7PbPHnbjqgkMR4m65xVEHKxsjm1I41dxBCut91kuMbnyH0u6g40K/oOJW"
        "+srN/leiDMjgwvGd3RwYmDISTUfjOsDSBuOmi2UAgfO+/UhWOZxpWRmBk4EDJgUzBbC1CuPGSnpfVVqZdB3Pd5/XxzWnzw18eAcq"
        "++4VHEEmwM48eYJVWoh9o/7IRsIJXEytgSp0FriT"),
    (30, lz4,
        "g3siYSI6MX0gCAAEDwBwdGhyZWFkYw=="),
    (700, lz4,
        "9A13ZWxsIGNoZWNrcG9pbnQgeyJhIjoxfSBzdGVwDAABJAAiLS0IAGB0aHJlYWQPAAQBAAAXAAMrAAA2AAVDAAQBACYtLWAABgoA"
        "AU0ABAEAATgADw0AAgebAAN6AAIHACgtLYMAByYACVgADN4AD2MADAO6AAcxACUtLc8ABAgATi0tLS2WAA+KAA0CJwAJeAAMKAEA"
        "HQApLS0jAANdAAdVAA/NAAAAaAAJbAAHhAABTgAqLS3xAAsWAQvCAASXAA/KAAUkLS2XAAzBAAtJAAE2AAF5AA5+AA8nAQsPNgEB"
        "AfEBBZwAUGhlY2tw"),
    (2000, lz4,
        "pmNoZWNrcG9pbnQKAM8gLS0geyJhIjoxfSAWAAN0dGhyZWFkIAEAdHN0ZXAgLS0eAAQBAGB3ZWxsLS0GAAUTAAYlAAMIAAtKAAZv"
        "AAMZAAk+AAYeAAFyAAEFAANIAAAMAAAEAA+EAAEBBQAAHQABDQADWQADKQAEMAAAGwAH7AAGYAAHFQAHCwAG0AAKagAGOAAJFwAK"
        "dAAP0AAABCIACNMADV0ABAEAAywABz4ABnwADMQABqkAA6UBCFYAD30BBgi1AAmCAQmIAAmtAAzcAAAdAAuiAASkAQSKAA+HAA4G"
        "TgEHLgAPhgECBFcAD64BAy0tLVgCA68AD4YAEQoqAgGPAAVWAgCZAAmmAANGAA7xAQ/HAQYqLS2qAQ9RAQUDSgMIUAIF1AIPGgIH"
        "B6kCDxYAAAZSAAceAgrDAC8tLc0ABQ4KAQjFAg6vAQ+BAAYLVgQIkwMFHAAAVAANrQEFugAPcgAFDUMAAjgABroACwYED2cCAw4M"
        "BQYcAQYVBQ4bAw/vAw8M9AELEAAvLS0pAQMPVAECDpUFDlUCD4kCAwlxAQnqAw9pAAMPNAUDDykFDg9WBgMOrwAPfQEDCVIBDBQE"
        "CT0ACSsBD/EAAgm1Aw+WAgUPwQUBCg4HD3YCCg9/BAQEiQUDMwMFNQMKPgMGpwIH6QIKnwUE/AMGOQBQICAgICA="),
]


def text(length):
    """Words of a kind that compresses well, by a generator that is the same everywhere."""
    chance = random.Random(length)
    words, out = ["step", "well", "thread", "checkpoint", '{"a":1}', "--"], b""
    while len(out) < length:
        out += (chance.choice(words) + " " * chance.choice([0, 1, 1, 9])).encode()
    return out[:length]


class Unpacking(unittest.TestCase):
    def test_what_the_commands_made_is_unpacked(self):
        for length, codec, packed in SAMPLES:
            self.assertEqual(codec.unpack(base64.b64decode(packed), length), text(length))

    def test_what_is_damaged_is_refused_or_has_the_length_that_was_asked_for(self):
        chance = random.Random(1)
        for length, codec, packed in SAMPLES:
            whole = base64.b64decode(packed)
            for _ in range(1500):
                damaged = bytearray(whole[: chance.choice([len(whole), chance.randrange(len(whole) + 1)])])
                for _ in range(chance.randrange(1, 4)):
                    if damaged:
                        damaged[chance.randrange(len(damaged))] = chance.randrange(256)
                try:
                    self.assertEqual(len(codec.unpack(bytes(damaged), length)), length)
                except Bad:
                    pass


if __name__ == "__main__":
    unittest.main()
