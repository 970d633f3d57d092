/// The lines of `lru_crawler metadump` and `mgdump`.
///
/// As in `ReplyWriter`, every function writes at a cursor, gives the cursor behind what it wrote, and checks for no
/// room.
public enum DumpWriter {
    /// Room for any one line written here: a key may take three times its length.
    @inlinable public static var lineBytesMax: Int { 3 * WireLimits.keyBytesMax + 256 }

    /// What `metadump` tells of an item. Times are unix seconds; an expiry of nil is never.
    package struct Item {
        package var key: UnsafeRawBufferPointer
        package var expiry: Int64?
        package var lastAccess: Int64
        package var token: UInt64
        package var wasFetched: Bool
        package var slabClass: Int
        package var itemBytes: Int
        package var clientFlags: UInt32

        package init(
            key: UnsafeRawBufferPointer, expiry: Int64?, lastAccess: Int64, token: UInt64, wasFetched: Bool,
            slabClass: Int, itemBytes: Int, clientFlags: UInt32
        ) {
            self.key = key
            self.expiry = expiry
            self.lastAccess = lastAccess
            self.token = token
            self.wasFetched = wasFetched
            self.slabClass = slabClass
            self.itemBytes = itemBytes
            self.clientFlags = clientFlags
        }
    }

    /// Writes `key=<uri> exp=<unix|-1> la=<unix> cas=<n> fetch=yes|no cls=<n> size=<n> flags=<n> \n`. A blank and no CR
    /// stand at its end, as tools have always got it.
    package static func itemLine(_ item: Item, at start: UnsafeMutableRawPointer) -> UnsafeMutableRawPointer {
        var cursor = escaped(item.key, at: WireWriter.text("key=", at: start))
        cursor = WireWriter.signed(item.expiry ?? -1, at: WireWriter.text(" exp=", at: cursor))
        cursor = WireWriter.signed(item.lastAccess, at: WireWriter.text(" la=", at: cursor))
        cursor = WireWriter.number(item.token, at: WireWriter.text(" cas=", at: cursor))
        cursor = WireWriter.text(item.wasFetched ? " fetch=yes" : " fetch=no", at: cursor)
        cursor = WireWriter.signed(Int64(item.slabClass), at: WireWriter.text(" cls=", at: cursor))
        cursor = WireWriter.signed(Int64(item.itemBytes), at: WireWriter.text(" size=", at: cursor))
        cursor = WireWriter.number(UInt64(item.clientFlags), at: WireWriter.text(" flags=", at: cursor))
        return WireWriter.text(" \n", at: cursor)
    }

    /// Writes the command that gets a key: `mg <key>\r\n`, and for one that no line can hold `mg <base64> b\r\n`.
    package static func keyLine(
        _ key: UnsafeRawBufferPointer, at start: UnsafeMutableRawPointer
    ) -> UnsafeMutableRawPointer {
        let cursor = WireWriter.text("mg ", at: start)
        if key.contains(where: { $0 <= 0x20 || $0 == 0x7F }) {
            return WireWriter.text(" b\r\n", at: Base64.encode(key, at: cursor))
        }
        return WireWriter.lineEnd(at: WireWriter.bytes(key, at: cursor))
    }

    /// Writes a key as part of a URI: every byte but letters, digits and `-._~` as `%XX`.
    package static func escaped(
        _ key: UnsafeRawBufferPointer, at start: UnsafeMutableRawPointer
    ) -> UnsafeMutableRawPointer {
        var cursor = start
        for byte in key {
            switch byte {
            case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, 0x2D, 0x2E, 0x5F, 0x7E:
                cursor = WireWriter.byte(byte, at: cursor)
            default:
                cursor = WireWriter.byte(0x25, at: cursor)
                cursor = WireWriter.byte(digit(byte >> 4), at: cursor)
                cursor = WireWriter.byte(digit(byte & 15), at: cursor)
            }
        }
        return cursor
    }

    private static func digit(_ value: UInt8) -> UInt8 { value < 10 ? 0x30 + value : 0x37 + value }
}
