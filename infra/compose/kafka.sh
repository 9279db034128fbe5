#!/bin/bash
# Formats the volume the first time, and starts the broker. The image's own start script would write into its root file system.
set -eu
export LOG_DIR=/tmp/kafka-logs KAFKA_LOG4J_OPTS=-Dlog4j2.configurationFile=/etc/kafka/docker/log4j2.yaml
/opt/kafka/bin/kafka-storage.sh format --ignore-formatted -t pastTenseComposeAAAAAA -c /kafka.properties
exec /opt/kafka/bin/kafka-run-class.sh kafka.Kafka /kafka.properties
