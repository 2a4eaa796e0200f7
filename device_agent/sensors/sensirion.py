"""How Sensirion's chips speak on I²C: 16-bit commands, and words that each carry a checksum."""

from device_agent.errors import SensorError
from device_agent.sensors.i2c_device import I2cDevice

POLYNOMIAL = 0x31
START = 0xFF


def crc8(data: bytes) -> int:
    """The checksum of a word: polynomial x⁸ + x⁵ + x⁴ + 1 from 0xFF on, nothing reflected (SHT3x, table 20)."""
    crc = START
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = ((crc << 1) ^ POLYNOMIAL if crc & 0x80 else crc << 1) & 0xFF
    return crc


def command(chip: I2cDevice, code: int, *words: int) -> None:
    """Send a command with its words."""
    data = code.to_bytes(2, "big")
    for word in words:
        raw = word.to_bytes(2, "big")
        data += raw + bytes([crc8(raw)])
    chip.write(*data)


def read_words(chip: I2cDevice, count: int) -> list[int]:
    """So many words of the answer. Raises SensorError if a checksum does not fit."""
    data = chip.read(3 * count)
    words = []
    for at in range(0, 3 * count, 3):
        raw, crc = data[at : at + 2], data[at + 2]
        if crc8(raw) != crc:
            raise SensorError(f"checksum 0x{crc:02x} of {raw.hex()}, expected 0x{crc8(raw):02x}: noise on the bus?")
        words.append(int.from_bytes(raw, "big"))
    return words


def ask(chip: I2cDevice, code: int, count: int, wait_s: float) -> list[int]:
    """Send a command and, after the time that it takes, read the words of its answer."""
    command(chip, code)
    chip.pause(wait_s)
    return read_words(chip, count)
