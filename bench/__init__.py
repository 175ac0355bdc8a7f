"""Speed and memory as ratios against yardsticks of the same run; nothing here is needed to serve."""
