//! The words that names are made of.

/// A part of a system: where its files lie, how its names begin, what its objects and their parts are called.
pub struct Subsystem {
    pub folder: &'static str,
    pub prefix: &'static str,
    /// What one object is called.
    pub object: &'static str,
    /// Things of which an object has several.
    pub parts: &'static [&'static str],
    /// Numbers that describe a thing.
    pub values: &'static [&'static str],
}

const fn subsystem(
    folder: &'static str,
    prefix: &'static str,
    object: &'static str,
    parts: &'static [&'static str],
    values: &'static [&'static str],
) -> Subsystem {
    Subsystem {
        folder,
        prefix,
        object,
        parts,
        values,
    }
}

pub const KERNEL: &[Subsystem] = &[
    subsystem(
        "sound/core",
        "mixer",
        "mixer",
        &["channel", "control", "slot"],
        &["volume", "gain", "balance"],
    ),
    subsystem(
        "sound/usb",
        "midi",
        "port",
        &["cable", "endpoint", "stream"],
        &["rate", "velocity", "pitch"],
    ),
    subsystem(
        "drivers/hwmon",
        "fan",
        "chip",
        &["fan", "sensor", "zone"],
        &["speed", "limit", "temp"],
    ),
    subsystem(
        "drivers/thermal",
        "trip",
        "zone",
        &["trip", "cooling", "sensor"],
        &["threshold", "hyst", "temp"],
    ),
    subsystem(
        "drivers/gpio",
        "expander",
        "chip",
        &["line", "pin", "bank"],
        &["direction", "level", "mask"],
    ),
    subsystem(
        "drivers/i2c/busses",
        "smb",
        "adapter",
        &["msg", "block", "addr"],
        &["status", "timeout", "length"],
    ),
    subsystem(
        "drivers/spi",
        "qspi",
        "controller",
        &["transfer", "word", "chip"],
        &["speed", "bits", "delay"],
    ),
    subsystem(
        "drivers/iio/adc",
        "adc",
        "adc",
        &["channel", "sample", "scan"],
        &["scale", "offset", "raw"],
    ),
    subsystem(
        "drivers/input/keyboard",
        "matrix",
        "keypad",
        &["row", "column", "key"],
        &["code", "debounce", "state"],
    ),
    subsystem(
        "drivers/input/touchscreen",
        "panel",
        "ts",
        &["finger", "contact", "slot"],
        &["x", "y", "pressure"],
    ),
    subsystem(
        "drivers/net/ethernet",
        "eth",
        "nic",
        &["queue", "desc", "ring"],
        &["bytes", "packets", "weight"],
    ),
    subsystem(
        "drivers/net/wireless",
        "wl",
        "station",
        &["rate", "tid", "key"],
        &["rssi", "power", "seqno"],
    ),
    subsystem(
        "net/bridge",
        "br",
        "port",
        &["vlan", "entry", "group"],
        &["cost", "priority", "age"],
    ),
    subsystem(
        "net/sched",
        "qos",
        "qdisc",
        &["class", "filter", "band"],
        &["quantum", "burst", "limit"],
    ),
    subsystem(
        "net/tipc",
        "link",
        "node",
        &["member", "msg", "bearer"],
        &["window", "mtu", "seq"],
    ),
    subsystem(
        "net/bluetooth",
        "hci",
        "conn",
        &["handle", "codec", "option"],
        &["interval", "latency", "mtu"],
    ),
    subsystem(
        "net/can",
        "isotp",
        "sock",
        &["frame", "filter", "mask"],
        &["dlc", "ident", "flags"],
    ),
    subsystem(
        "fs/blobfs",
        "blob",
        "index",
        &["entry", "extent", "block"],
        &["offset", "length", "nlink"],
    ),
    subsystem(
        "fs/minilog",
        "minilog",
        "journal",
        &["record", "segment", "tag"],
        &["seq", "size", "crc"],
    ),
    subsystem(
        "fs/tarfs",
        "tarfs",
        "sb",
        &["inode", "name", "dirent"],
        &["mode", "size", "mtime"],
    ),
    subsystem(
        "drivers/usb/core",
        "usb",
        "dev",
        &["endpoint", "interface", "config"],
        &["maxpacket", "interval", "power"],
    ),
    subsystem(
        "drivers/usb/gadget",
        "gadget",
        "func",
        &["request", "string", "ep"],
        &["length", "status", "zero"],
    ),
    subsystem(
        "drivers/media/i2c",
        "cam",
        "sensor",
        &["mode", "ctrl", "plane"],
        &["exposure", "gain", "width"],
    ),
    subsystem(
        "drivers/media/platform",
        "vdec",
        "ctx",
        &["buffer", "slice", "ref"],
        &["height", "stride", "qp"],
    ),
    subsystem(
        "drivers/video/fbdev",
        "fb",
        "info",
        &["color", "line", "mode"],
        &["red", "green", "depth"],
    ),
    subsystem(
        "drivers/gpu/tiny",
        "epd",
        "panel",
        &["lut", "row", "region"],
        &["pitch", "frame", "contrast"],
    ),
    subsystem(
        "drivers/mtd/nand",
        "nand",
        "chip",
        &["block", "page", "plane"],
        &["bad", "erase", "ecc"],
    ),
    subsystem(
        "drivers/scsi",
        "ses",
        "host",
        &["slot", "element", "lun"],
        &["type", "status", "depth"],
    ),
    subsystem(
        "drivers/nvme",
        "nvme",
        "ctrl",
        &["ns", "queue", "cmd"],
        &["nsid", "lba", "tag"],
    ),
    subsystem(
        "drivers/rtc",
        "rtc",
        "rtc",
        &["alarm", "reg", "tick"],
        &["minute", "hour", "freq"],
    ),
    subsystem(
        "drivers/clk",
        "pll",
        "clk",
        &["divider", "parent", "gate"],
        &["rate", "factor", "shift"],
    ),
    subsystem(
        "drivers/regulator",
        "pmic",
        "rdev",
        &["rail", "step", "regulator"],
        &["uv", "ua", "selector"],
    ),
    subsystem(
        "drivers/firmware",
        "fw",
        "image",
        &["section", "patch", "chunk"],
        &["addr", "size", "version"],
    ),
    subsystem(
        "drivers/mfd",
        "ec",
        "ec",
        &["cmd", "response", "event"],
        &["proto", "result", "insize"],
    ),
    subsystem(
        "drivers/tty/serial",
        "uart",
        "port",
        &["fifo", "line", "char"],
        &["baud", "flags", "icount"],
    ),
    subsystem(
        "drivers/dma",
        "dmac",
        "chan",
        &["desc", "lli", "burst"],
        &["len", "src", "width"],
    ),
    subsystem(
        "drivers/crypto",
        "ce",
        "engine",
        &["key", "session", "iv"],
        &["keylen", "assoclen", "blocks"],
    ),
    subsystem(
        "drivers/power/supply",
        "batt",
        "battery",
        &["cell", "point", "reg"],
        &["voltage", "charge", "cycles"],
    ),
    subsystem(
        "drivers/perf",
        "pmu",
        "pmu",
        &["counter", "event", "filter"],
        &["config", "period", "count"],
    ),
    subsystem(
        "kernel/trace",
        "trc",
        "buf",
        &["event", "field", "page"],
        &["offset", "size", "id"],
    ),
];

pub const LIBRARY: &[Subsystem] = &[
    subsystem(
        "src",
        "csv",
        "reader",
        &["field", "row", "column"],
        &["width", "quote", "depth"],
    ),
    subsystem(
        "src",
        "ini",
        "section",
        &["key", "line", "entry"],
        &["length", "level", "order"],
    ),
    subsystem(
        "lib",
        "json",
        "parser",
        &["token", "node", "member"],
        &["depth", "start", "size"],
    ),
    subsystem(
        "lib",
        "png",
        "decoder",
        &["chunk", "palette", "row"],
        &["width", "height", "filter"],
    ),
    subsystem(
        "lib",
        "wav",
        "stream",
        &["frame", "channel", "block"],
        &["rate", "bits", "volume"],
    ),
    subsystem(
        "lib",
        "zip",
        "archive",
        &["entry", "record", "extra"],
        &["offset", "crc", "method"],
    ),
    subsystem(
        "src/net",
        "dns",
        "message",
        &["label", "record", "answer"],
        &["ttl", "class", "rdlen"],
    ),
    subsystem(
        "src/net",
        "http",
        "request",
        &["header", "param", "cookie"],
        &["status", "port", "version"],
    ),
    subsystem(
        "src/net",
        "mqtt",
        "client",
        &["topic", "packet", "property"],
        &["qos", "keepalive", "ident"],
    ),
    subsystem(
        "src/net",
        "coap",
        "pdu",
        &["option", "token", "block"],
        &["delta", "code", "szx"],
    ),
    subsystem(
        "lib/font",
        "ttf",
        "font",
        &["glyph", "table", "contour"],
        &["advance", "bearing", "scale"],
    ),
    subsystem(
        "lib/codec",
        "rle",
        "codec",
        &["run", "symbol", "pair"],
        &["count", "value", "bits"],
    ),
    subsystem(
        "src",
        "cfg",
        "config",
        &["option", "profile", "alias"],
        &["timeout", "retries", "weight"],
    ),
    subsystem(
        "src",
        "pool",
        "pool",
        &["slot", "item", "bucket"],
        &["used", "stride", "refs"],
    ),
    subsystem(
        "lib/geo",
        "tile",
        "map",
        &["layer", "tile", "point"],
        &["zoom", "lat", "lon"],
    ),
    subsystem(
        "src/mail",
        "smtp",
        "session",
        &["header", "part", "recipient"],
        &["code", "size", "state"],
    ),
    subsystem(
        "lib/term",
        "vt",
        "screen",
        &["row", "cell", "tab"],
        &["attr", "color", "col"],
    ),
    subsystem(
        "src/db",
        "page",
        "pager",
        &["cell", "page", "key"],
        &["slot", "free", "version"],
    ),
    subsystem(
        "lib/asn1",
        "der",
        "reader",
        &["tag", "node", "item"],
        &["class", "length", "depth"],
    ),
    subsystem(
        "src/game",
        "lvl",
        "level",
        &["sprite", "tile", "actor"],
        &["health", "score", "speed"],
    ),
];

pub const GET: &[&str] = &["get", "read", "lookup", "fetch", "query", "find", "peek", "load"];
pub const SET: &[&str] = &[
    "set", "write", "update", "store", "apply", "config", "program", "assign",
];
pub const PARSE: &[&str] = &[
    "parse", "decode", "unpack", "scan", "handle", "process", "check", "rx",
];
pub const MAKE: &[&str] = &[
    "alloc", "create", "setup", "init", "build", "prepare", "new", "load",
];
pub const BUILD: &[&str] = &[
    "format", "print", "encode", "emit", "write", "build", "pack", "show",
];
pub const MOVE: &[&str] = &["copy", "push", "pop", "move", "consume", "shift", "queue", "put"];

pub const INDEX: &[&str] = &[
    "index", "idx", "i", "nr", "pos", "which", "no", "sel", "slot", "num",
];
pub const COUNTER: &[&str] = &["i", "j", "k", "n", "at"];
pub const LENGTH: &[&str] = &["len", "size", "count", "length", "nbytes", "n"];
pub const INPUT: &[&str] = &[
    "buf", "data", "p", "in", "payload", "msg", "raw", "src", "pkt", "bytes",
];
pub const OUTPUT: &[&str] = &["out", "dst", "dest", "buf", "page", "result", "to"];
pub const TEXT: &[&str] = &[
    "name", "label", "str", "text", "s", "title", "path", "ident", "key", "tag",
];
pub const FLAGS: &[&str] = &[
    "flags",
    "state",
    "events",
    "generation",
    "dirty",
    "last_error",
    "updates",
    "hits",
];
