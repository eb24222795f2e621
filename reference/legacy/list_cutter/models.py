"""The table of uploaded files. Their bytes are in the media folder (media.py)."""

import uuid

from django.contrib.auth.models import User
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.utils import timezone


class SavedFile(models.Model):
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="saved_files")
    file_id = models.UUIDField(unique=True, default=uuid.uuid4)
    file_name = models.CharField(max_length=255)
    file_path = models.CharField(max_length=255)  # relative to MEDIA_ROOT
    file_size = models.BigIntegerField()
    uploaded_at = models.DateTimeField(default=timezone.now)
    system_tags = ArrayField(models.TextField(), default=list)  # set by the system, not shown
    user_tags = ArrayField(models.TextField(), default=list)  # the API's `tags`
    metadata = models.JSONField(default=dict)

    class Meta:
        db_table = "list_cutter_savedfile"
