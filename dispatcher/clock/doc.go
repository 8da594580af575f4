// Package clock tells the engine the time.
//
// Every package below dispatcher that acts on the time asks Now and nothing else
// (those that only measure how long something took use package time). So there
// is one function to replace when a whole process's clock is to be shifted, which
// the build tag skewedclock does for the fault tests. Timers come from package
// time, and so does the time itself, which is why days pass in milliseconds in a
// testing/synctest bubble.
package clock
