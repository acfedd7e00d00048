// One run of a program between spawn and exit. In a process of its own and a small one, because the system counts what a
// process was before its exec as its own peak memory, and that would be the benchmark's.
package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"syscall"
	"time"
)

type measured struct {
	Code      int     `json:"code"`
	WallMs    float64 `json:"wallMs"`
	CpuMs     float64 `json:"cpuMs"`
	PeakBytes int64   `json:"peakBytes"`
}

// measure runs `STDOUT STDERR COMMAND...`, the first two being files to write to, and prints what it took as JSON. The
// command is killed when stdin closes: it does not outlive the benchmark either.
func measure(args []string) {
	if len(args) < 3 {
		fail(fmt.Errorf("measure takes two files and a command"))
	}
	command := exec.Command(args[2], args[3:]...)
	command.Stdout, command.Stderr = created(args[0]), created(args[1])
	started := time.Now()
	if err := command.Start(); err != nil {
		fail(err)
	}
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		_ = command.Process.Kill()
	}()
	err := command.Wait()
	wall := time.Since(started)
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		fail(err)
	}
	state := command.ProcessState
	told, _ := json.Marshal(measured{
		Code:      state.ExitCode(),
		WallMs:    float64(wall.Microseconds()) / 1e3,
		CpuMs:     float64((state.UserTime() + state.SystemTime()).Microseconds()) / 1e3,
		PeakBytes: peakBytes(state),
	})
	fmt.Println(string(told))
}

func peakBytes(state *os.ProcessState) int64 {
	used, ok := state.SysUsage().(*syscall.Rusage)
	if !ok {
		return 0
	}
	// Linux counts kilobytes, macOS bytes.
	if runtime.GOOS == "darwin" {
		return int64(used.Maxrss)
	}
	return int64(used.Maxrss) * 1024
}

func created(path string) *os.File {
	file, err := os.Create(path)
	if err != nil {
		fail(err)
	}
	return file
}
