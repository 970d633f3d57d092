# Reports of the thread sanitizer: prints those that count, and fails if there are any.
#
# What does not count: two accesses of which each is made by a closure given to Mutex.withLock. The standard library waits
# for a Mutex in code that is not instrumented, so that the sanitizer sees no order between one holder and the next. Such
# closures, and no others here, take an `inout sending` value and give a `sending` result, which their symbols say (zYuYT).
# Both stacks must have one: an access beside the lock is told.
BEGIN { RS = "==================\n" }

/(WARNING|ERROR|FATAL): ThreadSanitizer/ {
    split($0, part, "\n\n")
    if (/data race/ && part[1] ~ /zYuYT[^ ]*XEfU/ && part[2] ~ /zYuYT[^ ]*XEfU/) {
        excused += 1
    } else {
        print
        told += 1
    }
}

END {
    printf "thread sanitizer: %d reports, and %d of a Mutex whose waiting it does not see\n", told, excused
    exit told > 0
}
