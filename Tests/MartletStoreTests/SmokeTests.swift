import Testing

import MartletStore

@Suite struct SmokeTests {}
