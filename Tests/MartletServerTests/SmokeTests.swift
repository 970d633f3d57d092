import Testing

import MartletServer

@Suite struct SmokeTests {}
