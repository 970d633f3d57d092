import Glibc
import LoadWorkload

/// When the requests of one driver thread are due: pure, and the same for the same seed.
///
/// 1. An arrival has a number n, which grows by 1 (constant spacing) or by an exponentially distributed step of mean 1
///    (Poisson); threads begin at different fractions, so that together they are evenly spaced.
/// 2. It is due when the rate's integral, R(t) = from * t + slope * t^2 / 2 within a piece, has reached n.
/// 3. Behind the last piece its last rate goes on.
package struct ArrivalSchedule: ~Copyable {
    /// A stretch of time with a rate that changes linearly; in nanoseconds and requests a nanosecond.
    package struct Piece: BitwiseCopyable, Equatable {
        package var length: Double
        package var from: Double
        package var to: Double

        var arrivals: Double { length * (from + to) / 2 }
    }

    private let pieces: UnsafeMutablePointer<Piece>
    private let pieceCount: Int
    private let isPoisson: Bool
    private var random: RandomSource
    private var number: Double
    /// Added at the end: as a part of `begin` it would lose its last nanoseconds on a machine that has been up for long,
    /// and the request behind the last one would be due just before the run is over.
    private var start: UInt64 = 0
    /// The piece it is at, when that begins, and the arrivals before it.
    private var index = 0
    private var begin = 0.0
    private var before = 0.0

    /// The share of thread `thread` of `threadCount`; times count from 0.
    package init(_ pieces: [Piece], _ spacing: Pace.Spacing, seed: UInt64, thread: Int, threadCount: Int) {
        let share = 1 / Double(threadCount)
        pieceCount = pieces.count
        self.pieces = .allocate(capacity: pieces.count)
        for (index, piece) in pieces.enumerated() {
            (self.pieces + index).initialize(
                to: Piece(length: piece.length, from: piece.from * share, to: piece.to * share))
        }
        isPoisson = spacing == .poisson
        // Arrivals have a stream of their own: the operations do not depend on how they are paced.
        random = RandomSource(seed: seed &+ 0x5851_f42d_4c95_7f2d, stream: UInt64(thread))
        number = isPoisson ? 0 : Double(thread) * share
        if isPoisson { number = -log(1 - random.unit()) }
    }

    /// Makes times count from `start`; before the first `next`.
    package mutating func begin(at start: UInt64) { self.start = start }

    deinit { pieces.deallocate() }

    /// When the next request is due; each later than the one before.
    package mutating func next() -> UInt64 {
        while number - before >= pieces[index].arrivals, index < pieceCount - 1 {
            before += pieces[index].arrivals
            begin += pieces[index].length
            index += 1
        }
        let piece = pieces[index]
        let wanted = number - before
        let slope = (piece.to - piece.from) / piece.length
        let time: Double
        if slope == 0 {
            time = wanted / piece.from
        } else if wanted <= piece.arrivals {
            time = 2 * wanted / (piece.from + (piece.from * piece.from + 2 * slope * wanted).squareRoot())
        } else {
            time = piece.length + (wanted - piece.arrivals) / piece.to
        }
        number += isPoisson ? -log(1 - random.unit()) : 1
        return start &+ UInt64((begin + time).rounded())
    }
}
