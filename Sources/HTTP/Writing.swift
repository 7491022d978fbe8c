// The writer: heads of requests and responses, chunks, dates (RFC 9112 §3, §4, §7.1; RFC 9110 §5.6.7).

/// Writes messages into a growing buffer. Field values must hold no control characters.
public enum Writer {
    /// Appends the status line.
    public static func appendStatusLine(_ status: Int, to out: inout [UInt8]) {
        out.add("HTTP/1.1 ")
        out.add(decimal: status)
        out.append(0x20)
        out.add(title(of: status))
        out.add("\r\n")
    }

    /// Appends a request line with a Host field. The target must be visible ASCII.
    public static func appendRequestLine(
        _ method: StaticString, target: Span<UInt8>, host: Span<UInt8>, to out: inout [UInt8]
    ) {
        out.add(method)
        out.append(0x20)
        out.add(bytes: target)
        out.add(" HTTP/1.1\r\nHost: ")
        out.add(bytes: host)
        out.add("\r\n")
    }

    /// Appends a field whose value is known when this is compiled.
    @inlinable public static func appendField(
        _ name: StaticString, _ value: StaticString, to out: inout [UInt8]
    ) {
        out.add(name)
        out.add(": ")
        out.add(value)
        out.add("\r\n")
    }

    /// Appends a field.
    @inlinable public static func appendField(
        _ name: StaticString, _ value: Span<UInt8>, to out: inout [UInt8]
    ) {
        out.add(name)
        out.add(": ")
        out.add(bytes: value)
        out.add("\r\n")
    }

    /// Appends a field whose value is a number.
    @inlinable public static func appendField(_ name: StaticString, _ value: Int, to out: inout [UInt8]) {
        out.add(name)
        out.add(": ")
        out.add(decimal: value)
        out.add("\r\n")
    }

    /// Appends the empty line that ends a head.
    @inlinable public static func appendEnd(to out: inout [UInt8]) { out.add("\r\n") }

    /// Appends a chunk. An empty one is left out, for it would end the content.
    public static func appendChunk(_ content: Span<UInt8>, to out: inout [UInt8]) {
        guard content.count > 0 else { return }
        var shift = (63 - content.count.leadingZeroBitCount) & ~3
        while shift >= 0 {
            let digit = UInt8(truncatingIfNeeded: content.count >> shift) & 0xF
            out.append(digit < 10 ? UInt8(ascii: "0") + digit : UInt8(ascii: "a") + digit - 10)
            shift -= 4
        }
        out.add("\r\n")
        out.add(bytes: content)
        out.add("\r\n")
    }

    /// Appends the last chunk. A stream that failed must not get it.
    public static func appendLastChunk(to out: inout [UInt8]) { out.add("0\r\n\r\n") }

    /// Appends `HTTP/1.1 100 Continue`, which asks the client for the content.
    public static func appendContinue(to out: inout [UInt8]) { out.add("HTTP/1.1 100 Continue\r\n\r\n") }

    /// Appends the line `Date: Sun, 06 Nov 1994 08:49:37 GMT` with its end, for a time since 1970.
    public static func appendDate(secondsSince1970 seconds: Int, to out: inout [UInt8]) {
        // A clock before 1970 is a broken one.
        let days = max(seconds, 0) / 86_400
        let time = max(seconds, 0) % 86_400
        // Days since 1 March 0000, in eras of 400 years, so that the leap day ends each year.
        let shifted = days + 719_468
        let era = shifted / 146_097
        let dayOfEra = shifted % 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1_460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let monthFromMarch = (5 * dayOfYear + 2) / 153
        let day = dayOfYear - (153 * monthFromMarch + 2) / 5 + 1
        let month = monthFromMarch < 10 ? monthFromMarch + 3 : monthFromMarch - 9
        let year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
        out.add("Date: ")
        out.add("ThuFriSatSunMonTueWed", days % 7 * 3, 3)
        out.add(", ")
        out.add(twoDigits: day)
        out.append(0x20)
        out.add("JanFebMarAprMayJunJulAugSepOctNovDec", (month - 1) * 3, 3)
        out.append(0x20)
        out.add(twoDigits: year / 100)
        out.add(twoDigits: year % 100)
        out.append(0x20)
        out.add(twoDigits: time / 3_600)
        out.append(UInt8(ascii: ":"))
        out.add(twoDigits: time / 60 % 60)
        out.append(UInt8(ascii: ":"))
        out.add(twoDigits: time % 60)
        out.add(" GMT\r\n")
    }

    /// The standard's word for a status (RFC 9110 §15), as in status lines and problems' titles.
    public static func title(of status: Int) -> StaticString {
        switch status {
        case 100: "Continue"
        case 200: "OK"
        case 201: "Created"
        case 204: "No Content"
        case 304: "Not Modified"
        case 307: "Temporary Redirect"
        case 400: "Bad Request"
        case 401: "Unauthorized"
        case 403: "Forbidden"
        case 404: "Not Found"
        case 405: "Method Not Allowed"
        case 408: "Request Timeout"
        case 409: "Conflict"
        case 410: "Gone"
        case 411: "Length Required"
        case 412: "Precondition Failed"
        case 413: "Content Too Large"
        case 414: "URI Too Long"
        case 415: "Unsupported Media Type"
        case 417: "Expectation Failed"
        case 422: "Unprocessable Content"
        case 429: "Too Many Requests"
        case 431: "Request Header Fields Too Large"
        case 500: "Internal Server Error"
        case 501: "Not Implemented"
        case 503: "Service Unavailable"
        case 504: "Gateway Timeout"
        case 505: "HTTP Version Not Supported"
        case 507: "Insufficient Storage"
        default: "Status"
        }
    }
}

extension [UInt8] {
    @inlinable @inline(__always) mutating func add(_ literal: StaticString) {
        unsafe add(from: literal.utf8Start, count: literal.utf8CodeUnitCount)
    }

    @inlinable @inline(__always) mutating func add(bytes: Span<UInt8>) {
        unsafe bytes.withUnsafeBufferPointer { source in
            guard let start = source.baseAddress else { return }
            unsafe add(from: start, count: source.count)
        }
    }

    /// Adds a part of a literal that is known to have it.
    mutating func add(_ literal: StaticString, _ start: Int, _ count: Int) {
        unsafe add(from: literal.utf8Start + start, count: count)
    }

    @inlinable @inline(__always)
    @unsafe mutating func add(from start: UnsafePointer<UInt8>, count: Int) {
        append(addingCapacity: count) { out in
            unsafe out.withUnsafeMutableBufferPointer { buffer, initialized in
                guard let target = buffer.baseAddress else { return }
                unsafe UnsafeMutableRawPointer(target).copyMemory(from: start, byteCount: count)
                initialized = count
            }
        }
    }

    /// Adds a number that is not negative.
    @usableFromInline mutating func add(decimal: Int) {
        var digits = InlineArray<20, UInt8>(repeating: 0)
        var first = 20
        var rest = UInt(bitPattern: decimal)
        repeat {
            let (quotient, digit) = rest.quotientAndRemainder(dividingBy: 10)
            first -= 1
            digits[first] = 0x30 | UInt8(truncatingIfNeeded: digit)
            rest = quotient
        } while rest > 0
        add(bytes: digits.span.extracting(first..<20))
    }

    mutating func add(twoDigits number: Int) {
        append(UInt8(ascii: "0") + UInt8(truncatingIfNeeded: number / 10 % 10))
        append(UInt8(ascii: "0") + UInt8(truncatingIfNeeded: number % 10))
    }
}
