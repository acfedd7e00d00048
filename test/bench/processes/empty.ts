// A program that does nothing, but is a program to the compiler: the least that starting one can take.
process.exitCode = 0
