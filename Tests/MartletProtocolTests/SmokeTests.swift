import Testing

import MartletProtocol

@Suite struct SmokeTests {}
