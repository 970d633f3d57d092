/// Sequences as failing seeds print them. Each failed once, in the store or in one broken on purpose as its line says.
enum Replays {
    static let all: [(ModelConfiguration, [Step])] = [
        // A store that was not judged again after its chunk was allocated.
        (
            ModelConfiguration(megabytes: 1, itemBytesMax: 5000, keyCount: 40, keysCollide: true, mayVanish: true),
            [
                Step(
                    0, .invalidate(key: 11, InvalidateChoice(touch: .seconds(3))),
                    (0, .store(key: 11, .pattern(2234, length: 4968), StoreChoice(mode: .replace))))
            ]
        ),
        // A counter built from a version that was no longer there.
        (
            ModelConfiguration(megabytes: 8, itemBytesMax: 4_194_304, keyCount: 40, keysCollide: true, mayVanish: true),
            [
                Step(
                    1,
                    .store(
                        key: 27, .number(18_446_744_073_709_551_615),
                        StoreChoice(flags: 317_021_990, lifetime: .seconds(6)))),
                Step(
                    1,
                    .arithmetic(
                        key: 27,
                        ArithmeticChoice(delta: 18_446_744_073_709_551_615, explicit: 100_000, vivify: .never)),
                    (0, .store(key: 27, .pattern(3487, length: 7468), StoreChoice(mode: .append)))),
            ]
        ),
        // A touch that put a copy in the place of another version.
        (
            ModelConfiguration(megabytes: 8, itemBytesMax: 4_194_304, keyCount: 40, keysCollide: true, mayVanish: true),
            [
                Step(0, .store(key: 18, .number(999_999_999), StoreChoice(explicit: 9_223_372_036_854_775_808))),
                Step(
                    0, .hold(key: 18, HoldChoice(bump: false, touch: .seconds(4))),
                    (
                        1,
                        .store(
                            key: 18, .pattern(978, length: 7468),
                            StoreChoice(mode: .replace, lifetime: .seconds(26), pieceBytes: 32592))
                    )),
            ]
        ),
        // A page set to never due after the scan instead of before.
        (
            ModelConfiguration(megabytes: 1, itemBytesMax: 5000, keyCount: 2, mayVanish: true),
            [
                Step(0, .arithmetic(key: 0, ArithmeticChoice(isDecrement: true, touch: .seconds(1), vivify: .never))),
                Step(0, .fill(first: 86, count: 75, length: 4097, .over)),
                Step(
                    0, .maintain(passes: 1),
                    (
                        11,
                        .store(
                            key: 0, .pattern(216, length: 4097),
                            StoreChoice(mode: .prepend, lifetime: .seconds(6), explicit: 1000))
                    )),
            ]
        ),
        // A leased item that its stripe did not let go, HOT without a place in the ring.
        (
            ModelConfiguration(megabytes: 1, itemBytesMax: 5000, keyCount: 2, mayVanish: true),
            [
                Step(0, .fill(first: 268, count: 217, length: 4097, .never)),
                Step(1, .store(key: 1, .pattern(1528, length: 4167), StoreChoice())),
                Step(0, .hold(key: 1, HoldChoice(bump: false, touch: .never, lease: 3))),
                Step(0, .fill(first: 127, count: 233, length: 4167, .never)),
            ]
        ),
        // A large value read while it was copied into a longer one, without a lease.
        (
            ModelConfiguration(megabytes: 64, itemBytesMax: 300_000, keyCount: 1),
            [
                Step(1, .store(key: 0, .pattern(2, length: 1), StoreChoice(explicit: 100_000))),
                Step(1, .store(key: 0, .pattern(3667, length: 299_965), StoreChoice(mode: .append))),
                Step(
                    1,
                    .store(
                        key: 0, .pattern(1940, length: 1),
                        StoreChoice(mode: .append, explicit: 18_446_744_073_709_551_615)),
                    (5, .store(key: 0, .pattern(1421, length: 1), StoreChoice(compare: .last)))),
            ]
        ),
        // An append of too much, in pieces and whole.
        (
            ModelConfiguration(megabytes: 1, itemBytesMax: 1024, keyCount: 60, mayVanish: true),
            [
                Step(1, .store(key: 7, .pattern(3077, length: 1008), StoreChoice(mode: .append, pieceBytes: 20189))),
                Step(1, .store(key: 7, .pattern(3077, length: 1008), StoreChoice(mode: .append))),
            ]
        ),
    ]
}
