//! Rows of the attack corpus that are asked more than once: of the pure rules, and at the
//! endpoints of a server.

/// A row and its variants.
pub type Row = (&'static str, &'static [&'static str]);

/// Rows R1 to R44: addresses that are almost `https://good.example/cb`, which is
/// registered. None of them may be redirected to.
pub const REDIRECTS: &[Row] = &[
    ("R1", &["https://good.example/cb/"]),
    (
        "R2",
        &["https://good.example/cb?x=1", "https://good.example/cb?"],
    ),
    ("R3", &["https://good.example/CB"]),
    ("R4", &["https://good.example/cb/../evil"]),
    ("R5", &["https://good.example/cb/%2e%2e/evil"]),
    ("R6", &["https://good.example/cb/..%2fevil"]),
    ("R7", &["https://good.example/cb%2f"]),
    ("R8", &["https://good.example/%63b"]),
    ("R9", &["https://good.example//cb"]),
    ("R10", &["https://good.example/cb;x"]),
    ("R11", &["https://good.example/cb#"]),
    (
        "R12",
        &["https://good.example/cb#x", "https://good.example/cb?#x"],
    ),
    (
        "R13",
        &["HTTPS://GOOD.EXAMPLE/cb", "https://GOOD.example/cb"],
    ),
    ("R14", &["https://good.example:443/cb"]),
    ("R15", &["https://good.example:0443/cb"]),
    ("R16", &["https://good.example:8443/cb"]),
    ("R17", &["https://good.example:/cb"]),
    ("R18", &["https://good.example./cb"]),
    (
        "R19",
        &[
            "https://good.example@evil.example/cb",
            "https://good.example:x@evil.example/cb",
        ],
    ),
    ("R20", &["https://good.example%40evil.example/cb"]),
    ("R21", &["https://good.example\\@evil.example/cb"]),
    ("R22", &["https://evil.example\\.good.example/cb"]),
    ("R23", &["https://user:pw@good.example/cb"]),
    ("R24", &["https://good.example.evil.example/cb"]),
    (
        "R25",
        &["https://evil-good.example/cb", "https://xgood.example/cb"],
    ),
    ("R26", &["https://sub.good.example/cb"]),
    (
        "R27",
        &[
            "https://g\u{43e}\u{43e}d.example/cb",
            "https://xn--gd-jbaa.example/cb",
        ],
    ),
    ("R28", &["https://xn--good-.example/cb"]),
    ("R29", &["https://good%2eexample/cb"]),
    (
        "R30",
        &[
            "https:/good.example/cb",
            "https:good.example/cb",
            "https:///good.example/cb",
        ],
    ),
    ("R31", &["//good.example/cb"]),
    ("R32", &["/cb", "cb", ""]),
    (
        "R33",
        &[
            "ht\ttps://good.example/cb",
            "ht\ntps://good.example/cb",
            "ht\rtps://good.example/cb",
            "https://go\tod.example/cb",
            "https://go\nod.example/cb",
            "https://go\rod.example/cb",
            "https://good.example/c\tb",
            "https://good.example/c\nb",
            "https://good.example/c\rb",
        ],
    ),
    (
        "R34",
        &[
            " https://good.example/cb",
            "https://good.example/cb ",
            "\nhttps://good.example/cb",
            "https://good.example/cb\n",
            "\u{a0}https://good.example/cb",
            "https://good.example/cb\u{a0}",
        ],
    ),
    (
        "R35",
        &["https://good.example/cb%00", "https://good.example/cb\0"],
    ),
    ("R36", &["http://good.example/cb"]),
    (
        "R37",
        &[
            "javascript:alert(1)",
            "JaVaScRiPt:alert(1)",
            "java\nscript:alert(1)",
            "javascript://good.example/%0aalert(1)",
        ],
    ),
    (
        "R38",
        &[
            "data:text/html,x",
            "vbscript:x",
            "file:///etc/passwd",
            "blob:https://good.example/x",
            "about:blank",
            "view-source:https://good.example/cb",
            "filesystem:https://good.example/x",
        ],
    ),
    ("R39", &["urn:ietf:wg:oauth:2.0:oob"]),
    ("R41", &["https://other.example/cb"]),
    ("R43", &["https://goodXexample/cb"]),
    (
        "R44",
        &[
            "https://evil.example/.good.example/cb",
            "https://evil.example#.good.example/cb",
            "https://evil.example?.good.example/cb",
            "https://evil.example%23.good.example/cb",
            "https://a.b.good.example/cb",
        ],
    ),
];

/// Row R42: the registered address whose query is part of it, and what is almost it.
pub const QUERY: &str = "https://good.example/cb?a=1&b=%2F";
/// What is almost [`QUERY`].
pub const QUERIES: &[&str] = &[
    "https://good.example/cb",
    "https://good.example/cb?a=2&b=%2F",
    "https://good.example/cb?a=1&b=%2F&c=3",
    "https://good.example/cb?b=%2F&a=1",
    "https://good.example/cb?a=1&b=%2f",
    "https://good.example/cb?a=1&b=/",
];

/// Rows L3 to L11: addresses that differ from `http://127.0.0.1/cb`, registered with or
/// without a port, in more than the port.
pub const LOOPBACK: &[Row] = &[
    (
        "L3",
        &[
            "http://127.0.0.1:51234/other",
            "http://127.0.0.1:51234/cb?x",
            "http://127.0.0.1:1/cb/",
        ],
    ),
    ("L4", &["http://127.0.0.2/cb", "http://127.0.0.2:51234/cb"]),
    (
        "L5",
        &[
            "http://127.1/cb",
            "http://2130706433/cb",
            "http://0x7f.0.0.1/cb",
            "http://0177.0.0.1/cb",
            "http://\u{2460}27.0.0.1/cb",
            "http://127.0.0.1./cb",
        ],
    ),
    (
        "L6",
        &[
            "http://[::ffff:127.0.0.1]/cb",
            "http://[::ffff:7f00:1]/cb",
            "http://[::1%25lo]/cb",
            "http://[0:0:0:0:0:0:0:1]/cb",
        ],
    ),
    (
        "L7",
        &[
            "http://localhost.evil.example/cb",
            "http://127.0.0.1.evil.example/cb",
            "http://127.0.0.1@evil.example/cb",
            "http://127.0.0.1:1@evil.example/cb",
        ],
    ),
    (
        "L8",
        &[
            "http://localhost/cb",
            "http://localhost:51234/cb",
            "http://[::1]:51234/cb",
        ],
    ),
    (
        "L9",
        &["https://127.0.0.1/cb", "https://127.0.0.1:51234/cb"],
    ),
    (
        "L10",
        &[
            "http://127.0.0.1:0/cb",
            "http://127.0.0.1:65536/cb",
            "http://127.0.0.1:080/cb",
            "http://127.0.0.1:/cb",
            "http://127.0.0.1:+80/cb",
            "http://127.0.0.1:99999999999/cb",
        ],
    ),
    ("L11", &["http://0.0.0.0/cb", "http://[::]/cb"]),
];

/// Row L13: the registered address with a scheme of its own.
pub const PRIVATE_USE: &str = "com.example.app:/cb";
/// What is almost [`PRIVATE_USE`].
pub const PRIVATE_USES: &[&str] = &[
    "com.example.app://cb",
    "COM.example.app:/cb",
    "com.example.app:/cb/",
    "com.example.app:1/cb",
    "com.example.app:cb",
];
