# SPDX-License-Identifier: ISC
# Copyright (c) 2026 The Mailreeve authors
#
# gnuplot -e "in='docs/scale.dat'; out='docs/scale.svg'" scale.gp
set terminal svg size 960,720 font "sans-serif,12" background "white"
set output out
set multiplot layout 2,2
set logscale x
set yrange [0:*]
set grid
set key bottom left
set xlabel "number of them"
axes = "connections workers servers frontends certificates"
set title "CPU ms per 1,000 handshakes"
plot for [i=1:5] in index i-1 using 1:2 with linespoints title word(axes, i)
set title "CPU ms per 100,000 messages"
plot for [i=1:5] in index i-1 using 1:3 with linespoints title word(axes, i)
set title "CPU ms per GiB to the client"
plot for [i=1:5] in index i-1 using 1:4 with linespoints title word(axes, i)
set title "MiB without a connection"
set key top left
plot for [i=1:5] in index i-1 using 1:5 with linespoints title word(axes, i)
