// The benchmark's other side: the vendor, the bucket and the stopwatch, in processes of their own and in a language that
// takes as little of the machine as can be, so that what is measured is the program.
package main

import (
	"flag"
	"fmt"
	"io"
	"net"
	"os"
	"runtime"
	"runtime/debug"
	"time"
)

func main() {
	if len(os.Args) < 2 {
		fail(fmt.Errorf("one of vendor, bucket, measure is to be named"))
	}
	command, args := os.Args[1], os.Args[2:]
	if command == "measure" {
		measure(args)
		return
	}
	// One thread of Go code: more would look for work of each other's, on the cores of the program that is measured.
	runtime.GOMAXPROCS(1)
	debug.SetGCPercent(800)
	// The benchmark holds the other end: a server never outlives it, however it ends.
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		os.Exit(0)
	}()
	flags := flag.NewFlagSet(command, flag.ExitOnError)
	latency := flags.Duration("latency", 0, "how long every answer takes at least")
	sessionsPath := flags.String("sessions", "", "vendor: a file with one session's date a line, oldest first")
	_ = flags.Parse(args)
	switch command {
	case "vendor":
		listen(newVendor(*sessionsPath, *latency).answer)
	case "bucket":
		listen(newSink(*latency).answer)
	default:
		fail(fmt.Errorf("%s is none of vendor, bucket, measure", command))
	}
}

// listen takes a free port of the loopback interface, prints it, and serves until the process ends.
func listen(handle handler) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		fail(err)
	}
	fmt.Println(listener.Addr().(*net.TCPAddr).Port)
	for {
		connection, err := listener.Accept()
		if err != nil {
			// Out of descriptors, say: those in use go on.
			time.Sleep(time.Millisecond)
			continue
		}
		go converse(connection, handle)
	}
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, "fakes:", err)
	os.Exit(1)
}
