// Who takes an answer's content as it comes, where it is too much to be held.

/// Takes the content of one success piece by piece.
public protocol ContentSink: AnyObject {
    /// Takes the next bytes; false: no more of them are wanted.
    func take(_ bytes: ArraySlice<UInt8>) -> Bool
}
