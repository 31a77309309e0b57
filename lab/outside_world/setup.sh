#!/bin/sh
# Runs once inside the outside world's container, after its files were copied to /opt/lab.
set -eu
cd /opt/lab
install -D -m 644 server.crt /etc/lab/server.crt
install -m 600 server.key /etc/lab/server.key
install -m 644 nginx.conf /etc/nginx/nginx.conf
install -m 644 registry.yml /etc/docker/registry/config.yml
install -m 644 model-hub.service /etc/systemd/system/model-hub.service
rm server.crt server.key nginx.conf registry.yml model-hub.service
systemctl daemon-reload
systemctl enable --quiet --now docker-registry model-hub
systemctl enable --quiet nginx
systemctl restart nginx docker-registry

# Loaded through the registry's own port: the door in front of it lets nobody push.
curl -fsS -o /dev/null --retry 30 --retry-delay 1 --retry-connrefused http://127.0.0.1:5000/v2/
while read -r image; do
    skopeo copy --quiet --dest-tls-verify=false --digestfile /tmp/digest \
        "docker-archive:images.tar:$image" "docker://127.0.0.1:5000/$image"
    printf '%s %s\n' "$image" "$(cat /tmp/digest)"
done <images.txt >digests.txt
rm images.tar
