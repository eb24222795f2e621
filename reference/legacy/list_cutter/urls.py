"""Paths below /api/list_cutter/.

File ids are plain text here: an authenticated request for an id that is not a UUID gets 404.
"""

from django.urls import path

from list_cutter import views

urlpatterns = [
    path("upload/", views.UploadView.as_view()),
    path("list_saved_files/", views.ListView.as_view()),
    path("download/<str:file_id>/", views.DownloadView.as_view()),
    path("delete/<str:file_id>/", views.DeleteView.as_view()),
    path("update_tags/<str:file_id>/", views.TagsView.as_view()),
    path("columns/<str:file_id>/", views.ColumnsView.as_view()),
    path("export_csv/<str:file_id>/", views.ExportView.as_view()),
]
