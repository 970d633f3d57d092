import LoadWorkload

/// How far counts are from what was expected of them: chi-square, less its mean, in its standard deviations. What
/// follows the expectation stays below 4; what does not is far beyond with the numbers of draws used here.
func surprise(_ counts: [Int], _ expected: [Double]) -> Double {
    precondition(counts.count == expected.count)
    var chiSquare = 0.0
    var degrees = -1.0
    var restCount = 0.0
    var restExpected = 0.0
    for (count, mean) in zip(counts, expected) {
        // Classes with few expected members are put together.
        if mean < 20 {
            restCount += Double(count)
            restExpected += mean
        } else {
            chiSquare += (Double(count) - mean) * (Double(count) - mean) / mean
            degrees += 1
        }
    }
    if restExpected > 0 {
        chiSquare += (restCount - restExpected) * (restCount - restExpected) / restExpected
        degrees += 1
    }
    return (chiSquare - degrees) / (2 * max(degrees, 1)).squareRoot()
}

/// Keys of `count` synthetic reads.
func keys(_ count: Int, _ workload: Workload, seed: UInt64 = 7, thread: Int = 0, threadCount: Int = 1) throws
    -> [UInt64]
{
    var source = try OperationSource(workload, seed: seed, thread: thread, threadCount: threadCount)
    var operation = Operation(kind: .get, key: 0)
    var keys: [UInt64] = []
    while keys.count < count, source.next(&operation) { keys.append(operation.key) }
    return keys
}

/// How often each number below `end` occurs.
func histogram(_ numbers: [UInt64], below end: UInt64) -> [Int] {
    var counts = [Int](repeating: 0, count: Int(end))
    for number in numbers { counts[Int(number)] += 1 }
    return counts
}

func workload(_ popularity: String, keyCount: UInt64) throws -> Workload {
    var workload = Workload()
    workload.keyCount = keyCount
    workload.popularity = try Popularity(parsing: popularity)
    return workload
}

/// The bytes of a key, as text.
func text(_ key: UInt64, in space: KeySpace) -> String {
    let room = UnsafeMutableRawPointer.allocate(byteCount: KeySpace.roomBytes, alignment: 8)
    defer { room.deallocate() }
    let count = space.write(key, at: room)
    return String(decoding: UnsafeRawBufferPointer(start: room, count: count), as: UTF8.self)
}
