// Package powercut finds out what a power cut leaves of what a process wrote: strace notes what it writes, flushes, renames and removes,
// and a state of the disk is made of any prefix, subset or torn sectors of what was not flushed by a moment. It needs Linux.
package powercut
