import Glibc

/// A shared library that is opened when it is needed, so that nobody needs it who does not.
package struct DynamicLibrary {
    private let handle: UnsafeMutableRawPointer
    private let name: String

    /// `purpose` is for the message: what cannot be read without the library.
    package init(_ name: String, purpose: String) throws(WorkloadError) {
        guard let handle = dlopen(name, RTLD_NOW | RTLD_LOCAL) else {
            throw WorkloadError("\(purpose) needs the library \(name), which cannot be opened here")
        }
        self.handle = handle
        self.name = name
    }

    /// The library's function `symbol`. The caller knows its type.
    package func function<Function>(_ symbol: String, as type: Function.Type) throws(WorkloadError) -> Function {
        guard let address = dlsym(handle, symbol) else {
            throw WorkloadError("the library \(name) has no function \(symbol)")
        }
        return unsafeBitCast(address, to: type)
    }
}
